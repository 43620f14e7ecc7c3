import { expect } from 'chai';
import fc from 'fast-check';
import { accuracy, areaUnderCurve, categoricalAccuracy, logLoss } from '#client/trainer/metrics.ts';
import { InvariantFault } from '#shared/fault/fault.ts';

const floats = (...values: number[]): Float32Array => Float32Array.from(values);

describe('accuracy', () => {
  it('counts a score of exactly 0.5 as a 1', () => {
    expect(accuracy(floats(1, 0, 1, 0), floats(0.5, 0.5, 0.49, 0.1))).to.equal(0.5);
  });

  it('refuses labels and scores of different lengths, and no examples at all', () => {
    expect(() => accuracy(floats(1), floats(1, 0))).to.throw(InvariantFault, '1 labels for 2 scores');
    expect(() => accuracy(floats(), floats())).to.throw(InvariantFault);
  });
});

describe('categoricalAccuracy', () => {
  it('takes the largest score, and the first of equal ones', () => {
    const scores = floats(0.1, 0.7, 0.2, 0.4, 0.4, 0.2, 0.2, 0.3, 0.5);
    expect(categoricalAccuracy(floats(1, 1, 2), scores, 3)).to.be.closeTo(2 / 3, 1e-12);
  });
});

describe('areaUnderCurve', () => {
  it('is the share of pairs in the right order', () => {
    // Positives 0.35 and 0.8 against negatives 0.1 and 0.4: three of four pairs are right.
    expect(areaUnderCurve(floats(0, 0, 1, 1), floats(0.1, 0.4, 0.35, 0.8))).to.equal(0.75);
  });

  it('counts a tie between the classes one half', () => {
    // Pairs: (0.5, 0.5) one half, (0.5, 0.2) right, (0.9, 0.5) right, (0.9, 0.2) right.
    expect(areaUnderCurve(floats(0, 0, 1, 1), floats(0.5, 0.2, 0.5, 0.9))).to.equal(3.5 / 4);
  });

  it('is one half when all scores are equal', () => {
    expect(areaUnderCurve(floats(0, 1, 1), floats(0.3, 0.3, 0.3))).to.equal(0.5);
  });

  it('is undefined when one class does not occur', () => {
    expect(areaUnderCurve(floats(1, 1), floats(0.1, 0.9))).to.equal(undefined);
    expect(areaUnderCurve(floats(0, 0), floats(0.1, 0.9))).to.equal(undefined);
  });

  it('refuses a score that is not a number', () => {
    expect(() => areaUnderCurve(floats(0, 1), floats(Number.NaN, 0.5))).to.throw(InvariantFault, 'not a number');
  });

  it('equals the count over all pairs for any labels and tied scores', () => {
    const example = fc.record({ label: fc.integer({ min: 0, max: 1 }), score: fc.integer({ min: 0, max: 6 }) });
    fc.assert(
      fc.property(fc.array(example, { minLength: 1, maxLength: 40 }), (examples) => {
        const positives = examples.filter(({ label }) => label === 1);
        const negatives = examples.filter(({ label }) => label === 0);
        const right = positives.flatMap((one) =>
          negatives.map((other) => (one.score > other.score ? 1 : one.score === other.score ? 0.5 : 0)),
        );
        const pairs = right.reduce<number>((sum, value) => sum + value, 0) / right.length;
        const auc = areaUnderCurve(
          Float32Array.from(examples, ({ label }) => label),
          Float32Array.from(examples, ({ score }) => score),
        );
        if (right.length === 0) expect(auc).to.equal(undefined);
        else expect(auc).to.be.closeTo(pairs, 1e-12);
      }),
    );
  });
});

describe('logLoss', () => {
  it('is the mean negative log-likelihood', () => {
    const expected = -(Math.log(0.75) + Math.log(1 - 0.25) + Math.log(0.5)) / 3;
    expect(logLoss(floats(1, 0, 1), floats(0.75, 0.25, 0.5))).to.be.closeTo(expected, 1e-12);
  });

  it('stays finite when a certain score is wrong', () => {
    expect(logLoss(floats(1, 0), floats(0, 1))).to.be.closeTo(-Math.log(1e-7), 1e-9);
  });
});
