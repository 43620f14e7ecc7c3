import { expect } from 'chai';
import { judgeFiles, verdictTimeMs } from '#client/vectors/run.ts';
import { readVectors, vectorsFolder } from '#scripts/attestation-vectors.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

const PADDED = 'quote-padded.bin';

/** Samples that come with the quote as it was published besides. */
const COUNT = 3;

describe('quotes of the attestation test vectors as their platforms padded them', () => {
  before(function () {
    if (vectorsFolder() === undefined) this.skip();
  });

  it('say the same as those that end where they say', async () => {
    let count = 0;
    const { samples } = await readVectors('intel-tdx');
    for (const { id, files, expected } of samples) {
      const padded = files.get(PADDED);
      if (padded === undefined) continue;
      count += 1;
      for (const verdict of expected.verdicts) {
        const under = { atMs: verdictTimeMs(verdict), crypto: nodeCrypto };
        const plain = await judgeFiles(id, files, verdict, under);
        const found = await judgeFiles(id, new Map([...files, ['quote.bin', padded]]), verdict, under);
        expect(found, `${id} at ${verdict.at}`).to.deep.equal(plain);
      }
    }
    expect(count).to.equal(COUNT);
  });
});
