import { expect } from 'chai';
import fc from 'fast-check';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { openRelease } from '#shared/release/open-release.ts';
import { verifyReleaseStatement } from '#shared/release/verify-release.ts';
import { attestSample, MANIFEST_DIGEST, sampleRelease, ZERO32 } from '#test/unit/shared/release/sample.ts';

const key = crypto.xWing.generate();

/** `bytes` cut after each of `lengths`, and the rest. */
function cutAt(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let rest = bytes;
  for (const length of lengths) {
    pieces.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return [...pieces, rest];
}

describe('release, of any size and in any pieces', () => {
  it('opens to its weights', async () => {
    const weights = fc.float32Array({ minLength: 1, maxLength: 200, noNaN: true });
    const cases = fc.tuple(weights, fc.integer({ min: 1, max: 100 }), fc.array(fc.nat(900), { maxLength: 30 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([values, chunkValues, lengths]) => {
        const recipients = [{ id: 'clinic-a', releaseKey: key.publicKey }];
        const options = { round: 0, previous: ZERO32, weights: values, chunkBytes: 4 * chunkValues, recipients };
        const { envelope, payload } = await sampleRelease(options);
        const expected = { manifestDigest: MANIFEST_DIGEST, place: { kind: 'first' }, attest: attestSample } as const;
        const verified = await verifyReleaseStatement(envelope, expected, crypto);
        const target = new Float32Array(values.length);
        const receiver = { recipient: 'clinic-a', secretKey: key.secretKey, target };
        await openRelease(verified, cutAt(payload, lengths), receiver, crypto);
        expect(target).to.deep.equal(values);
      }),
      { seed: 5, numRuns: 80 },
    );
  });
});
