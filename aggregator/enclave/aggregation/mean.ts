import { assert } from '#shared/fault/fault.ts';

/** How the manifest weighs a contribution to the mean. */
export type Weighting = { readonly kind: 'uniform' } | { readonly kind: 'examples'; readonly maximum: number };

/**
 * The greatest contribution weight. Integers up to 2^24 are exact in float32, so that the divisor (their exact sum)
 * and the weighted sums speak of the same weights.
 */
export const CONTRIBUTION_WEIGHT_MAX = 2 ** 24;

/**
 * Contribution weight of an update whose sender claims `examples` training examples (a positive integer, validated
 * before). Federated averaging (McMahan et al. 2017, algorithm 1) weighs by the count; here the manifest's `maximum`
 * bounds what a claim can buy, because nobody can verify it. Result: an integer in [1, 2^24].
 */
export function contributionWeight(weighting: Weighting, examples: number): number {
  assert(Number.isSafeInteger(examples) && examples >= 1, 'an example count is a positive integer');
  if (weighting.kind === 'uniform') return 1;
  assert(Number.isSafeInteger(weighting.maximum) && weighting.maximum >= 1, 'a maximum weight is a positive integer');
  return Math.min(examples, weighting.maximum, CONTRIBUTION_WEIGHT_MAX);
}
