import { expect } from 'chai';
import fc from 'fast-check';
import { concat } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { UpdateOpener } from '#shared/update/open-update.ts';
import { UpdateSealer } from '#shared/update/seal-update.ts';
import { acceptedHeader, sampleRound } from '#test/unit/shared/update/sample.ts';

describe('sealed update, of any size', () => {
  it('opens to what was sealed, with one digest on both sides, and to nothing when a bit is flipped', async () => {
    const cases = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 700 }), fc.integer({ min: 1, max: 300 }), fc.nat());
    await fc.assert(
      fc.asyncProperty(cases, async ([tensorBytes, chunkBytes, flip]) => {
        const round = sampleRound(tensorBytes);
        const target = { ...round.target, chunkBytes };
        const sealer = new UpdateSealer(target, round.sender, round.content, crypto);
        const header = acceptedHeader(sealer, { ...round.expected, chunkBytes });
        const opener = UpdateOpener.create(header, round.roundSecretKey, crypto);
        const opened: Uint8Array[] = [];
        for (let index = 0; index < sealer.chunkCount; index++) {
          const sealed = await sealer.chunk(index);
          const altered = sealed.slice();
          const bit = flip % (altered.length * 8);
          altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(await opener?.open(index, altered)).to.equal(undefined);
          opened.push((await opener?.open(index, sealed)) ?? new Uint8Array());
        }
        expect(concat(...opened.slice(1))).to.deep.equal(tensorBytes);
        expect(opener?.digest()).to.deep.equal(sealer.digest());
      }),
      { seed: 4, numRuns: 60 },
    );
  });
});
