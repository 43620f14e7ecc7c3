import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { AcceptedEnclave, AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { Reason } from '#shared/attestation/reasons.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import type { VectorCase } from './vector-platform.ts';

/** What our verifier and appraisal say of one sample under the collection's default policy. */
export interface Judgement {
  readonly verdict: 'accept' | 'reject';
  readonly reasons: readonly Reason[];
  readonly claims: Claims | undefined;
}

/** What a judgement is made under besides the case itself. */
export interface JudgedUnder {
  readonly atMs: number;
  readonly crypto: CryptoPort;
  readonly debug?: 'refuse' | 'allow';
  /** Reference values that a policy case states besides those of the sample. */
  readonly stated?: Pick<AcceptedEnclave, 'attributes' | 'minimums'>;
}

const TEN_YEARS_S = 3650 * 86_400;

/**
 * The collection's default policy: production mode only, TCB up to date only, fresh CRLs where a verdict names them,
 * pinned roots. It says nothing of whose code is wanted, so the sample's own measurements are the reference.
 */
export async function judge(tested: VectorCase, under: JudgedUnder): Promise<Judgement> {
  const { atMs, crypto } = under;
  const { anchors: own, untrusted = [] } = tested;
  const vendors = VENDOR_ANCHORS.filter(({ sha256 }) => !untrusted.includes(sha256));
  const verification = await verifyEvidence(tested.evidence, { anchors: [...vendors, ...own], atMs, crypto });
  const { claims } = verification;
  const failed = verification.kind === 'refused' ? verification.reasons : [];
  const appraised = claims === undefined ? [] : appraise(claims, [policyFor(claims, tested, under)], atMs);
  const reasons = [...failed, ...appraised];
  return { verdict: reasons.length === 0 ? 'accept' : 'reject', reasons, claims };
}

function policyFor(claims: Claims, tested: VectorCase, { debug = 'refuse', stated }: JudgedUnder): AppraisalPolicy {
  const reference = tested.reference(claims);
  const enclave: AcceptedEnclave = {
    name: 'the sample',
    platform: claims.platform,
    measurements: { ...claims.measurements },
    ...reference,
    attributes: { ...reference.attributes, ...stated?.attributes },
    minimums: { ...reference.minimums, ...stated?.minimums },
  };
  return {
    enclaves: [enclave],
    roots: [...tested.anchors],
    debug,
    // Evidence of the collection is older than a policy would have it; its own times are what is judged.
    maximumAgeSeconds: TEN_YEARS_S,
    ...(tested.endorsements === undefined ? {} : { endorsements: tested.endorsements }),
  };
}
