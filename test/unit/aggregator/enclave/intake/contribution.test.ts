import { expect } from 'chai';
import { validateContribution } from '#enclave/intake/contribution.ts';
import type { AggregationSettings } from '#shared/study/manifest.ts';

const RULES: AggregationSettings = {
  rule: 'mean',
  weighting: { kind: 'uniform' },
  examples: { minimum: 5, maximum: 10 },
  metrics: ['loss', 'accuracy'],
};
const codeOf = (examples: number, metrics: Readonly<Record<string, number>> = {}) => {
  const verdict = validateContribution({ examples, metrics }, RULES);
  return verdict.kind === 'refused' ? verdict.code : 'accepted';
};

describe('validateContribution', () => {
  it('accepts counts at both bounds and any of the metrics that the manifest names', () => {
    expect([codeOf(5), codeOf(10), codeOf(7, { loss: -1e12, accuracy: 0 })]).to.deep.equal(Array(3).fill('accepted'));
  });

  it('refuses every other count with UPDATE_EXAMPLES_INVALID', () => {
    for (const examples of [4, 11, 0, -7, 5.5, Number.NaN, Infinity, -Infinity, 2 ** 53]) {
      expect(codeOf(examples), String(examples)).to.equal('UPDATE_EXAMPLES_INVALID');
    }
  });

  it('refuses unknown, infinite and absurd metrics with UPDATE_METRICS_INVALID', () => {
    for (const metrics of [{ other: 1 }, { loss: Number.NaN }, { loss: Infinity }, { loss: 1.1e12 }]) {
      expect(codeOf(7, metrics), JSON.stringify(metrics)).to.equal('UPDATE_METRICS_INVALID');
    }
  });

  it('gives details that fit a refusal, however many metrics the manifest names', () => {
    const metrics = Array.from({ length: 32 }, (_, index) => `${'m'.repeat(60)}${index}`);
    const verdict = validateContribution({ examples: 7, metrics: { other: 1 } }, { ...RULES, metrics });
    expect(verdict.kind === 'refused' && verdict.detail.length).to.be.within(1, 512);
  });
});
