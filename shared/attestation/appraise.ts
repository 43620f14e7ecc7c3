import { assert } from '../fault/fault.ts';
import { findAnchor } from './anchor.ts';
import { VENDOR_ANCHORS } from './anchors.ts';
import type { Claims, Concern } from './claims.ts';
import type { AppraisalPolicy } from './policy.ts';
import { DEFAULT_MAXIMUM_AGE_SECONDS } from './policy.ts';
import type { Reason } from './reasons.ts';
import { differencesFrom } from './reference-match.ts';
import { timeText } from './x509/time.ts';

/** The refusal of everything where there are no reference values. */
export const NO_POLICY: Reason = { code: 'POLICY_MISSING', detail: 'no appraisal policy was given' };

/** How far a participant's clock may run behind the platform's. */
const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;

/**
 * Compares verified claims with reference values at `atMs` (ms since 1970). Every policy must hold: the study's, and
 * a participant's own. Returns all that failed; empty means passed. No policy at all fails.
 */
export function appraise(claims: Claims, policies: readonly AppraisalPolicy[], atMs: number): readonly Reason[] {
  assert(Number.isSafeInteger(atMs), 'the time to appraise at is not a whole number of milliseconds');
  if (policies.length === 0) return [NO_POLICY];
  return policies.flatMap((policy, index) => {
    const place = policies.length === 1 ? 'the policy' : `policy ${index + 1} of ${policies.length}`;
    return [
      ...rootReasons(claims, policy, place),
      ...debugReasons(claims, policy, place),
      ...concernReasons(claims, policy, atMs, place),
      ...evaluationReasons(claims, policy, place),
      ...enclaveReasons(claims, policy, atMs, place),
      ...ageReasons(claims, policy, atMs),
    ];
  });
}

function rootReasons(claims: Claims, policy: AppraisalPolicy, place: string): readonly Reason[] {
  const { platform, sha256 } = claims.root;
  const { vendorRoots } = policy;
  const vendors = VENDOR_ANCHORS.filter((anchor) => vendorRoots === undefined || vendorRoots.includes(anchor.sha256));
  const named = [...vendors, ...(policy.roots ?? []).map((root) => ({ ...root, kind: root.kind ?? 'certificate' }))];
  const kinds = ['certificate', 'key'] as const;
  if (kinds.some((kind) => findAnchor(named, { kind, platform, sha256 }) !== undefined)) return [];
  return [{ code: 'CHAIN_UNTRUSTED_ROOT', detail: `${place} does not name this root`, found: sha256 }];
}

function debugReasons(claims: Claims, policy: AppraisalPolicy, place: string): readonly Reason[] {
  if (!claims.debug || policy.debug === 'allow') return [];
  return [{ code: 'DEBUG_ENABLED', detail: `the enclave runs in debug mode, which ${place} refuses` }];
}

function concernReasons(claims: Claims, policy: AppraisalPolicy, atMs: number, place: string): readonly Reason[] {
  return claims.concerns
    .filter((concern) => !isTolerated(concern, policy, atMs))
    .map(({ code, detail, found, wanted }) => ({
      code,
      detail: `${detail}, which ${place} does not tolerate`,
      ...(found === undefined ? {} : { found }),
      ...(wanted === undefined ? {} : { wanted }),
    }));
}

function isTolerated({ code, endedMs }: Concern, policy: AppraisalPolicy, atMs: number): boolean {
  const { waive = [], staleSeconds = 0 } = policy.endorsements ?? {};
  if (code === 'CRL_MISSING' || code === 'COLLATERAL_MISSING') return waive.some(({ check }) => check === code);
  return endedMs !== undefined && staleSeconds > 0 && atMs <= endedMs + staleSeconds * 1000;
}

function evaluationReasons(claims: Claims, policy: AppraisalPolicy, place: string): readonly Reason[] {
  const least = policy.endorsements?.minimumEvaluationNumber;
  const found = claims.levels['tcb_evaluation_number'];
  // Platforms whose endorsements are not numbered have nothing that an older one could be passed off for.
  if (least === undefined || found === undefined || found >= least) return [];
  const detail = `the collateral is of an older evaluation than ${place} asks for`;
  return [{ code: 'COLLATERAL_EXPIRED', detail, found: `${found}`, wanted: `at least ${least}` }];
}

function enclaveReasons(claims: Claims, policy: AppraisalPolicy, atMs: number, place: string): readonly Reason[] {
  const candidates = policy.enclaves.filter(({ platform }) => platform === claims.platform);
  const differences = candidates.map((enclave) => differencesFrom(claims, enclave, atMs, place));
  const [first, ...others] = differences;
  if (first === undefined) {
    const wanted = policy.enclaves.map(({ platform }) => platform).join(', ');
    const detail = `${place} names no enclave on this platform`;
    return [{ code: 'PLATFORM_NOT_ACCEPTED', detail, found: claims.platform, wanted }];
  }
  // The enclave that differs least is the one a reader most likely meant.
  return others.reduce((nearest, next) => (next.length < nearest.length ? next : nearest), first);
}

function ageReasons(claims: Claims, policy: AppraisalPolicy, atMs: number): readonly Reason[] {
  const { issuedAtMs } = claims;
  // Evidence without a time of its own is as fresh as the nonce that it answers, which is not checked here.
  if (issuedAtMs === undefined) return [];
  const ageMs = atMs - issuedAtMs;
  const limit = policy.maximumAgeSeconds ?? DEFAULT_MAXIMUM_AGE_SECONDS;
  const found = `made ${timeText(issuedAtMs)}`;
  if (ageMs > limit * 1000) {
    const detail = `evidence older than ${limit} s at ${timeText(atMs)}`;
    return [{ code: 'EVIDENCE_TOO_OLD', detail, found, wanted: `at most ${limit} s` }];
  }
  if (ageMs < -CLOCK_TOLERANCE_MS) {
    const detail = 'evidence from after the stated time; compare the clocks';
    return [{ code: 'EVIDENCE_FROM_FUTURE', detail, found, wanted: `by ${timeText(atMs)}` }];
  }
  return [];
}
