import { expect } from 'chai';
import fc from 'fast-check';
import { createArena, MAGNITUDE_MAX } from '#enclave/aggregation/arena.ts';
import { CONTRIBUTION_WEIGHT_MAX } from '#enclave/aggregation/mean.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { wire } from '#test/contract/aggregator/enclave/aggregation/arena-contract.ts';

const PARAMETERS = 37;
/** Unit roundoff of float32, and half of its smallest subnormal. */
const ROUNDOFF = 2 ** -24;
const UNDERFLOW = 2 ** -150;

const value = fc.float({ noNaN: true, min: -MAGNITUDE_MAX, max: MAGNITUDE_MAX });
const smallValue = fc.float({ noNaN: true, min: -1, max: 1 });
const contribution = fc.record({
  weight: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: CONTRIBUTION_WEIGHT_MAX })),
  values: fc.oneof(
    fc.array(value, { minLength: PARAMETERS, maxLength: PARAMETERS }),
    fc.array(smallValue, { minLength: PARAMETERS, maxLength: PARAMETERS }),
  ),
});
const modelOf = fc.array(smallValue, { minLength: PARAMETERS, maxLength: PARAMETERS });
const cohort = fc.array(contribution, { minLength: 1, maxLength: 40 });

/**
 * k products, k - 1 sums, the divisor and the quotient are rounded: at most k + 2 roundings lie on the path of any
 * term, so the mean is off by at most γ(k + 2) Σ|w x| / W with γ(n) = n u / (1 - n u) (Higham, Accuracy and Stability
 * of Numerical Algorithms, section 3.1), and the last sum by one more rounding. Underflow adds at most 2^-150 for each
 * product, and for the quotient.
 */
function bound(terms: {
  readonly magnitude: number;
  readonly count: number;
  readonly divisor: number;
  readonly result: number;
}) {
  const roundings = (terms.count + 2) * ROUNDOFF;
  const mean = (roundings / (1 - roundings)) * (terms.magnitude / terms.divisor);
  return (mean + (terms.count + 1) * UNDERFLOW) * (1 + 2 * ROUNDOFF) + ROUNDOFF * Math.abs(terms.result);
}

describe('the float32 mean', () => {
  it('is within its stated error of the float64 mean, for cohorts of any values and weights', async () => {
    const backend = await loadTensors();
    const arena = await createArena({ parameterCount: PARAMETERS, slots: 1, backend });
    fc.assert(
      fc.property(modelOf, cohort, (model, contributions) => {
        arena.reset();
        let divisor = 0;
        for (const { weight, values } of contributions) {
          expect(arena.stage(0, 0, wire(values))).to.equal(true);
          arena.fold(0, weight);
          divisor += weight;
        }
        const found = Float32Array.from(model);
        arena.applyMean(found, divisor);
        for (let i = 0; i < PARAMETERS; i++) {
          const terms = contributions.map(({ weight, values }) => weight * Math.fround(values[i] ?? 0));
          const exact = (model[i] ?? 0) + terms.reduce((sum, term) => sum + term, 0) / divisor;
          const magnitude = terms.reduce((sum, term) => sum + Math.abs(term), 0);
          const allowed = bound({ magnitude, count: terms.length, divisor, result: exact });
          // The reference is rounded too, to float64.
          const slack = magnitude * 2 ** -46;
          expect(Math.abs((found[i] ?? 0) - exact)).to.be.at.most(allowed + slack / divisor);
        }
      }),
      { numRuns: 300 },
    );
    arena.dispose();
  });

  it('gives the same bits whenever the same updates are folded in the same order', async () => {
    const backend = await loadTensors();
    const arenas = await Promise.all(
      [1, 3].map((slots) => createArena({ parameterCount: PARAMETERS, slots, backend })),
    );
    fc.assert(
      fc.property(cohort, (contributions) => {
        const [first, second] = arenas.map((arena) => {
          arena.reset();
          contributions.forEach(({ weight, values }, i) => {
            arena.stage(i % arena.slots, 0, wire(values));
            arena.fold(i % arena.slots, weight);
          });
          const sums = new Float32Array(PARAMETERS);
          arena.applyMean(sums, 1);
          return sums;
        });
        expect(first).to.deep.equal(second);
      }),
    );
    for (const arena of arenas) arena.dispose();
  });
});
