import { accepted, refused, type Verdict } from '#shared/fault/verdict.ts';
import type { AggregationSettings } from '#shared/study/manifest.ts';
import type { UpdatePrelude } from '#shared/update/prelude.ts';

/** What a prelude says, found to be within the manifest. */
export interface Contribution {
  readonly examples: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Metrics beyond this are refused: a mean of them would say nothing and could overflow. */
const METRIC_MAX = 1e12;

/**
 * Proves the claims of a prelude against the manifest: an integer example count within its bounds, and only the
 * metrics that it names, finite.
 */
export function validateContribution(prelude: UpdatePrelude, rules: AggregationSettings): Verdict<Contribution> {
  const { minimum, maximum } = rules.examples;
  const { examples, metrics } = prelude;
  if (!Number.isSafeInteger(examples) || examples < minimum || examples > maximum) {
    return refused('UPDATE_EXAMPLES_INVALID', `expected an integer from ${minimum} to ${maximum}`);
  }
  for (const [name, value] of Object.entries(metrics)) {
    if (!rules.metrics.includes(name)) {
      return refused(
        'UPDATE_METRICS_INVALID',
        `expected only the ${rules.metrics.length} metrics that the manifest names`,
      );
    }
    if (!Number.isFinite(value) || Math.abs(value) > METRIC_MAX) {
      return refused('UPDATE_METRICS_INVALID', `expected ${name} to be finite and at most ${METRIC_MAX} in size`);
    }
  }
  return accepted({ examples, metrics });
}
