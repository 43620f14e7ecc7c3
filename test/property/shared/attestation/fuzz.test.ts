import { expect } from 'chai';
import fc from 'fast-check';
import { mintDocument } from '#infra/emulator/document.ts';
import { anchorsFor } from '#shared/attestation/anchors.ts';
import { decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { nameText } from '#shared/attestation/x509/name.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { contentsOf, type FakePlatform, fakePlatform, NOW_MS, policyFor } from '#test/fakes/tee/enclave.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

const SEED = 20_261_122;

/** Cut `removed` bytes at `at` and put `inserted` there. */
interface Edit {
  readonly at: number;
  readonly removed: number;
  readonly inserted: Uint8Array;
}

const edits = fc.array(
  fc.record({ at: fc.nat(8192), removed: fc.nat(40), inserted: fc.uint8Array({ maxLength: 40 }) }),
  { minLength: 1, maxLength: 4 },
);

describe('readers of evidence, given anything at all', () => {
  const crypto = memoCrypto();
  let platform: FakePlatform;
  let document: Uint8Array;
  before(async () => {
    platform = await fakePlatform();
    document = await mintDocument(platform.chain, contentsOf(platform));
  });

  it('answer random bytes with a value, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        attempt(() => decodeCbor(bytes));
        attempt(() => decodeCbor(bytes, 'any'));
        attempt(() => parseCertificate(bytes));
        attempt(() => nameText(bytes));
      }),
      { seed: SEED, numRuns: 10_000 },
    );
  });

  it('answer altered certificates with a value, never an exception', () => {
    const { certificate } = platform.chain;
    fc.assert(
      fc.property(edits, (list) => {
        const result = attempt(() => parseCertificate(applyEdits(certificate, list)));
        if (result.kind === 'parsed') attempt(() => nameText(result.value.subject));
      }),
      { seed: SEED, numRuns: 5000 },
    );
  });

  it('answer altered documents with a refusal, never an exception', async () => {
    const anchors = anchorsFor([policyFor(platform)]);
    await fc.assert(
      fc.asyncProperty(edits, async (list) => {
        const altered = applyEdits(document, list);
        fc.pre(Buffer.compare(altered, document) !== 0);
        const evidence = { platform: 'aws-nitro', document: altered, endorsements: [] } as const;
        const result = await verifyEvidence(evidence, { anchors, atMs: NOW_MS, crypto });
        expect(result.kind).to.equal('refused');
        expect(result.kind === 'refused' && result.reasons.length).to.be.greaterThan(0);
      }),
      { seed: SEED, numRuns: 5000 },
    );
  });
});

function applyEdits(bytes: Uint8Array, list: readonly Edit[]): Uint8Array {
  return list.reduce<Uint8Array>((current, { at, removed, inserted }) => {
    const start = current.length === 0 ? 0 : at % current.length;
    return concat(current.subarray(0, start), inserted, current.subarray(start + removed));
  }, bytes);
}
