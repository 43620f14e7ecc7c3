/**
 * Why evidence was refused: the closed list. The first group follows the codes of the published attestation test
 * vectors, so that verdicts compare one to one; the second is what our own appraisal adds. Codes are never renamed.
 */
export const REASON_CODES = {
  MALFORMED: 'the evidence is not what its format says',
  TRAILING_DATA: 'bytes follow the evidence',
  ALG_NOT_ALLOWED: 'a signature algorithm outside the allow-list of the platform',
  SIGNATURE_INVALID: 'the evidence is not signed by the key that its certificate names',
  CHAIN_INVALID: 'a certificate is malformed, not signed by the one before it, or may not sign',
  CHAIN_UNTRUSTED_ROOT: 'the chain ends in a root that is neither compiled in nor named by the policy',
  CERT_EXPIRED: 'a certificate is past its validity at the stated time',
  CERT_NOT_YET_VALID: 'a certificate is not valid yet at the stated time',
  DEBUG_ENABLED: 'the enclave runs in debug mode: its operator can read its memory',

  PLATFORM_NOT_ACCEPTED: 'the policy names no enclave on this platform',
  MEASUREMENT_MISMATCH: 'the enclave runs other code than the policy names',
  EVIDENCE_TOO_OLD: 'the evidence was made longer ago than the policy allows',
  EVIDENCE_FROM_FUTURE: 'the evidence was made after the stated time: one of the two clocks is wrong',
  BINDING_MISMATCH: 'genuine evidence, but for other keys, another manifest or other nonces',
  MANIFEST_MISMATCH: 'the enclave serves another manifest',
  NONCE_MISMATCH: 'our nonce is not among those that the evidence answers: it may be a replay',
  POLICY_MISSING: 'no policy was given; without reference values nothing passes',
} as const;

/** A code of {@link REASON_CODES}. */
export type ReasonCode = keyof typeof REASON_CODES;

/**
 * One failed check. `detail` is in our own words and names the place; `found` and `wanted` are the two values,
 * as short text (hex, time, name), where there are two to compare.
 */
export interface Reason {
  readonly code: ReasonCode;
  readonly detail: string;
  readonly found?: string;
  readonly wanted?: string;
}
