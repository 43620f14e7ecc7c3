import { assert } from '../fault/fault.ts';
import { findAnchor, VENDOR_ANCHORS } from './anchors.ts';
import type { Claims } from './claims.ts';
import type { AcceptedEnclave, AppraisalPolicy } from './policy.ts';
import { DEFAULT_MAXIMUM_AGE_SECONDS } from './policy.ts';
import type { Reason } from './reasons.ts';
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
      ...enclaveReasons(claims, policy, place),
      ...ageReasons(claims, policy, atMs),
    ];
  });
}

function rootReasons(claims: Claims, policy: AppraisalPolicy, place: string): readonly Reason[] {
  const { platform, root } = claims;
  const named = [...VENDOR_ANCHORS, ...(policy.roots ?? [])];
  if (findAnchor(named, platform, root.sha256) !== undefined) return [];
  return [{ code: 'CHAIN_UNTRUSTED_ROOT', detail: `${place} does not name this root`, found: root.sha256 }];
}

function debugReasons(claims: Claims, policy: AppraisalPolicy, place: string): readonly Reason[] {
  if (!claims.debug || policy.debug === 'allow') return [];
  return [{ code: 'DEBUG_ENABLED', detail: `the enclave runs in debug mode, which ${place} refuses` }];
}

function enclaveReasons(claims: Claims, policy: AppraisalPolicy, place: string): readonly Reason[] {
  const candidates = policy.enclaves.filter(({ platform }) => platform === claims.platform);
  const differences = candidates.map((enclave) => measurementReasons(claims, enclave, place));
  const [first, ...others] = differences;
  if (first === undefined) {
    const wanted = policy.enclaves.map(({ platform }) => platform).join(', ');
    return [
      {
        code: 'PLATFORM_NOT_ACCEPTED',
        detail: `${place} names no enclave on this platform`,
        found: claims.platform,
        wanted,
      },
    ];
  }
  // The enclave that differs least is the one a reader most likely meant.
  return others.reduce((nearest, next) => (next.length < nearest.length ? next : nearest), first);
}

function measurementReasons(claims: Claims, enclave: AcceptedEnclave, place: string): readonly Reason[] {
  const reasons: Reason[] = [];
  for (const [name, wanted] of Object.entries(enclave.measurements)) {
    const found = claims.measurements[name] ?? 'absent';
    if (found === wanted) continue;
    reasons.push({
      code: 'MEASUREMENT_MISMATCH',
      detail: `${name} is not that of ${enclave.name} in ${place}`,
      found,
      wanted,
    });
  }
  return reasons;
}

function ageReasons(claims: Claims, policy: AppraisalPolicy, atMs: number): readonly Reason[] {
  const ageMs = atMs - claims.issuedAtMs;
  const limit = policy.maximumAgeSeconds ?? DEFAULT_MAXIMUM_AGE_SECONDS;
  const found = `made ${timeText(claims.issuedAtMs)}`;
  if (ageMs > limit * 1000) {
    return [
      {
        code: 'EVIDENCE_TOO_OLD',
        detail: `evidence older than ${limit} s at ${timeText(atMs)}`,
        found,
        wanted: `at most ${limit} s`,
      },
    ];
  }
  if (ageMs < -CLOCK_TOLERANCE_MS) {
    return [
      {
        code: 'EVIDENCE_FROM_FUTURE',
        detail: 'evidence from after the stated time; compare the clocks',
        found,
        wanted: `by ${timeText(atMs)}`,
      },
    ];
  }
  return [];
}
