import { assert } from '../fault/fault.ts';
import type { Evidence } from './evidence.ts';
import { EVIDENCE_LIMITS } from './evidence.ts';
import { PLATFORM_VERIFIERS } from './platforms.ts';
import type { Verification, VerificationContext } from './verification.ts';
import { refusedFor } from './verification.ts';

/**
 * Verifies that evidence is authentic at `context.atMs`: signatures, chain to one of `context.anchors`, validity.
 * Offline and pure. Whether the attester is the one wanted is for `appraise` to say.
 */
export async function verifyEvidence(evidence: Evidence, context: VerificationContext): Promise<Verification> {
  // A time that is not a number compares as neither early nor late: it would pass for valid.
  assert(Number.isSafeInteger(context.atMs), 'the time to verify at is not a whole number of milliseconds');
  const { document, endorsements } = evidence;
  const longest = Math.max(0, ...endorsements.slice(0, EVIDENCE_LIMITS.endorsements).map(({ bytes }) => bytes.length));
  if (document.length > EVIDENCE_LIMITS.documentBytes) {
    return tooLong('the evidence', document.length, EVIDENCE_LIMITS.documentBytes);
  }
  if (endorsements.length > EVIDENCE_LIMITS.endorsements) {
    return tooLong('the list of endorsements', endorsements.length, EVIDENCE_LIMITS.endorsements);
  }
  if (longest > EVIDENCE_LIMITS.endorsementBytes) {
    return tooLong('an endorsement', longest, EVIDENCE_LIMITS.endorsementBytes);
  }
  return PLATFORM_VERIFIERS[evidence.platform].verify(evidence, context);
}

function tooLong(what: string, found: number, most: number): Verification {
  return refusedFor({
    code: 'MALFORMED',
    detail: `${what} is too long`,
    found: `${found}`,
    wanted: `at most ${most}`,
  });
}
