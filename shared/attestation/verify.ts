import { assert } from '../fault/fault.ts';
import type { Evidence, Platform } from './evidence.ts';
import { verifyNitro } from './nitro/verify.ts';
import type { EvidenceVerifier, Verification, VerificationContext } from './verification.ts';

/** One verifier per platform. A new platform is its file and its line here. */
const VERIFIERS: Readonly<Record<Platform, EvidenceVerifier>> = {
  'aws-nitro': verifyNitro,
};

/**
 * Verifies that evidence is authentic at `context.atMs`: signatures, chain to one of `context.anchors`, validity.
 * Offline and pure. Whether the attester is the one wanted is for `appraise` to say.
 */
export async function verifyEvidence(evidence: Evidence, context: VerificationContext): Promise<Verification> {
  // A time that is not a number compares as neither early nor late: it would pass for valid.
  assert(Number.isSafeInteger(context.atMs), 'the time to verify at is not a whole number of milliseconds');
  return VERIFIERS[evidence.platform](evidence, context);
}
