import { anchorsFor } from '#shared/attestation/anchors.ts';
import { appraise, NO_POLICY } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { Reason } from '#shared/attestation/reasons.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';

/** What evidence must hold besides what the policies ask; `undefined` where its reader has nothing to compare. */
export interface RequiredBinding {
  /** The platform's own nonce field, byte for byte. */
  readonly nonce: Uint8Array | undefined;
  /** The report data, byte for byte. */
  readonly reportData: Uint8Array | undefined;
}

/** How evidence is judged that belongs to no study. */
export interface EvidenceRules {
  readonly policies: readonly AppraisalPolicy[];
  readonly binding: RequiredBinding;
  /** ms since 1970 */
  readonly atMs: number;
  readonly crypto: CryptoPort;
}

/** Passed when there are no reasons, and then there are claims. Claims beside reasons prove nothing. */
export interface AppraisedEvidence {
  readonly reasons: readonly Reason[];
  readonly claims: Claims | undefined;
}

/** Verifies evidence and appraises it by every policy. Lists all that failed; without a policy nothing passes. */
export async function appraiseEvidence(evidence: Evidence, rules: EvidenceRules): Promise<AppraisedEvidence> {
  const { policies, binding, atMs, crypto } = rules;
  const verification = await verifyEvidence(evidence, { anchors: anchorsFor(policies), atMs, crypto });
  const { claims } = verification;
  const failed = verification.kind === 'refused' ? verification.reasons : [];
  if (claims === undefined) return { reasons: [...failed, ...(policies.length === 0 ? [NO_POLICY] : [])], claims };
  return { reasons: [...failed, ...bindingReasons(claims, binding), ...appraise(claims, policies, atMs)], claims };
}

/** What of the required binding the claims do not hold. */
export function bindingReasons(claims: Claims, { nonce, reportData }: RequiredBinding): readonly Reason[] {
  return [
    ...difference(claims.nonce, nonce, {
      code: 'NONCE_MISMATCH',
      detail: 'the evidence answers another nonce than the one that is required',
    }),
    ...difference(claims.reportData, reportData, {
      code: 'BINDING_MISMATCH',
      detail: 'the evidence is bound to other report data than is required',
    }),
  ];
}

function difference(found: Uint8Array, wanted: Uint8Array | undefined, reason: Reason): readonly Reason[] {
  if (wanted === undefined || equalBytes(found, wanted)) return [];
  return [{ ...reason, found: found.length === 0 ? 'none' : toHex(found), wanted: toHex(wanted) }];
}
