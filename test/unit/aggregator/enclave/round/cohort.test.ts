import { expect } from 'chai';
import { drawCohort } from '#enclave/round/cohort.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

/** A source that gives these 16-bit numbers, and then no more. */
function source(...numbers: readonly number[]): (count: number) => Uint8Array {
  const rest = [...numbers];
  return () => {
    const next = rest.shift();
    if (next === undefined) throw new Error('more was drawn than expected');
    return Uint8Array.of(next >> 8, next & 0xff);
  };
}

describe('drawCohort', () => {
  it('gives as many as asked for, each one of the candidates', () => {
    const candidates = ['d', 'a', 'c', 'b', 'e'];
    for (let size = 1; size <= candidates.length; size++) {
      const drawn = drawCohort(candidates, size, nodeCrypto.randomBytes);
      expect(drawn.size).to.equal(size);
      expect(candidates).to.include.members([...drawn]);
    }
  });

  it('gives every ordered choice for exactly one of the equally likely draws', () => {
    // Five candidates, three drawn: 5 * 4 * 3 draws of the three numbers, and 5 choose 3 cohorts, each 6 times.
    const counts = new Map<string, number>();
    for (let first = 0; first < 5; first++) {
      for (let second = 0; second < 4; second++) {
        for (let third = 0; third < 3; third++) {
          const drawn = drawCohort(['a', 'b', 'c', 'd', 'e'], 3, source(first, second, third));
          const key = [...drawn].toSorted().join('');
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
      }
    }
    expect(counts.size).to.equal(10);
    expect(new Set(counts.values())).to.deep.equal(new Set([6]));
  });

  it('draws again where a remainder would favour the first: 65535 of three', () => {
    expect([...drawCohort(['a', 'b', 'c'], 1, source(65_535, 1))]).to.deep.equal(['b']);
    expect([...drawCohort(['a', 'b', 'c'], 1, source(65_534))]).to.deep.equal(['c']);
  });

  it('depends on the candidates, not on the order in which they came', () => {
    expect(drawCohort(['b', 'c', 'a'], 2, source(1, 0))).to.deep.equal(drawCohort(['a', 'b', 'c'], 2, source(1, 0)));
  });

  it('asked for none, or for more than there are, stops', () => {
    expect(() => drawCohort(['a'], 0, nodeCrypto.randomBytes)).to.throw('enough candidates');
    expect(() => drawCohort(['a'], 2, nodeCrypto.randomBytes)).to.throw('enough candidates');
  });
});
