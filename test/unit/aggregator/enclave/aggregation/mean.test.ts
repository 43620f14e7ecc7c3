import { expect } from 'chai';
import { CONTRIBUTION_WEIGHT_MAX, contributionWeight } from '#enclave/aggregation/mean.ts';
import { InvariantFault } from '#shared/fault/fault.ts';

describe('contributionWeight', () => {
  it('is 1 for every count when the study weighs uniformly', () => {
    for (const examples of [1, 569, 2 ** 31]) expect(contributionWeight({ kind: 'uniform' }, examples)).to.equal(1);
  });

  it('is the example count up to the maximum of the manifest, then the maximum', () => {
    const weighting = { kind: 'examples', maximum: 500 } as const;
    expect([1, 499, 500, 501, 1e12].map((examples) => contributionWeight(weighting, examples))).to.deep.equal([
      1, 499, 500, 500, 500,
    ]);
  });

  it('never exceeds what float32 holds exactly', () => {
    const weight = contributionWeight({ kind: 'examples', maximum: 2 ** 31 - 1 }, 2 ** 31 - 1);
    expect(weight).to.equal(CONTRIBUTION_WEIGHT_MAX);
    expect(Math.fround(weight)).to.equal(weight);
  });

  for (const examples of [0, -99, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`faults on ${examples} examples, which validation refuses before`, () => {
      expect(() => contributionWeight({ kind: 'uniform' }, examples)).to.throw(InvariantFault);
    });
  }

  it('faults on a maximum that is no positive integer', () => {
    expect(() => contributionWeight({ kind: 'examples', maximum: 0 }, 5)).to.throw(InvariantFault);
    expect(() => contributionWeight({ kind: 'examples', maximum: 1.5 }, 5)).to.throw(InvariantFault);
  });
});
