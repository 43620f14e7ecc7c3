import type { CryptoPort } from '../crypto/port.ts';
import type { Anchor } from './anchor.ts';
import type { Claims } from './claims.ts';
import type { Evidence } from './evidence.ts';
import type { Reason } from './reasons.ts';

/** All that verification depends on besides the evidence: nothing is fetched and no clock is read. */
export interface VerificationContext {
  readonly anchors: readonly Anchor[];
  /** The time to verify at, ms since 1970. */
  readonly atMs: number;
  readonly crypto: CryptoPort;
}

/**
 * Whether evidence is authentic. A refusal lists every check that failed; it holds claims when the document could be
 * read and its root is known, so that a reader can be told more. Claims of a refusal prove nothing.
 */
export type Verification =
  | { readonly kind: 'verified'; readonly claims: Claims }
  | { readonly kind: 'refused'; readonly reasons: readonly Reason[]; readonly claims?: Claims };

/** One platform's verifier: authenticity only, policy is left to `appraise`. Never throws for what a peer sent. */
export type EvidenceVerifier = (evidence: Evidence, context: VerificationContext) => Promise<Verification>;

/** A refusal for one reason. */
export function refusedFor(...reasons: readonly Reason[]): Verification {
  return { kind: 'refused', reasons };
}
