import { isJsonObject } from '../json.ts';
import { malformed } from '../malformed.ts';

/** Trustworthiness tiers from the best to the worst (draft-ietf-rats-ear, "Trust Tiers"). */
const TIERS = ['affirming', 'warning', 'none', 'contraindicated'] as const;

/** A name of {@link TIERS}. */
export type TrustTier = (typeof TIERS)[number];

/** The number of each tier, where a verifier writes numbers for words. */
const TIER_NUMBERS: ReadonlyMap<unknown, TrustTier> = new Map([
  [2, 'affirming'],
  [32, 'warning'],
  [96, 'contraindicated'],
  [0, 'none'],
]);

/** The tier that an appraisal states as its status. Throws `MalformedInput` for anything else. */
export function tierOfStatus(status: unknown): TrustTier {
  const tier = TIERS.find((each) => each === status) ?? TIER_NUMBERS.get(status);
  return tier ?? malformed('attestation result with a status that is none');
}

/**
 * The tiers of the claims that a trustworthiness vector makes, of which an appraisal's status must not be better than
 * any (draft-ietf-rats-ear, `ear.status`); none for a vector that is absent. Throws `MalformedInput`.
 */
export function tiersOfVector(vector: unknown): readonly TrustTier[] {
  if (vector === undefined) return [];
  if (!isJsonObject(vector)) return malformed('attestation result with a trustworthiness vector that is none');
  return Object.values(vector).flatMap(tiersOfClaim);
}

/** The worst of `tiers`; `undefined` of none. */
export function worstTier(tiers: readonly TrustTier[]): TrustTier | undefined {
  return TIERS.findLast((tier) => tiers.includes(tier));
}

/** A claim's tier by its distance from zero (draft-ietf-rats-ar4si section 2.3.2); -1, 0 and 1 make no claim. */
function tiersOfClaim(value: unknown): readonly TrustTier[] {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < -128 || value > 127) {
    return malformed('attestation result with a trustworthiness claim that is none');
  }
  if (value >= -1 && value <= 1) return [];
  if (value >= -32 && value <= 31) return ['affirming'];
  return value >= -96 && value <= 95 ? ['warning'] : ['contraindicated'];
}
