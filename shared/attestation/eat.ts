import { toHex } from '../bytes/bytes.ts';
import type { Claims } from './claims.ts';
import { PLATFORM_VERIFIERS } from './platforms.ts';
import { timeText } from './x509/time.ts';

/** Names this profile of the Entity Attestation Token (RFC 9711 section 6) and its version. */
export const EAT_PROFILE = 'tag:cloister.dev,2026:attestation-result/1';

/**
 * Claims as a JSON claims set in the words of RFC 9711: `eat_profile`, `eat_nonce`, `iat`, `nbf`, `exp`,
 * `dbgstat`, `hwmodel`, `measurements`; what RFC 9711 has no word for stands under
 * `cloister`. A report of what was verified, not a signed token: it convinces nobody else.
 */
export function eatOf(claims: Claims): Readonly<Record<string, unknown>> {
  const { platform, nonce, issuedAtMs, validFromMs, validUntilMs, debug, measurements, reportData, root, tcb } = claims;
  return {
    eat_profile: EAT_PROFILE,
    ...(nonce.length === 0 ? {} : { eat_nonce: toHex(nonce) }),
    ...(issuedAtMs === undefined ? {} : { iat: seconds(issuedAtMs) }),
    nbf: seconds(validFromMs),
    exp: seconds(validUntilMs),
    // RFC 9711 section 4.2.9: `enabled`, or not known to have been disabled before; evidence shows the present only.
    dbgstat: debug ? 'enabled' : 'disabled',
    hwmodel: PLATFORM_VERIFIERS[platform].title,
    measurements,
    cloister: {
      platform,
      root: { name: root.name, platform: root.platform, sha256: root.sha256, emulated: root.emulated },
      report_data: toHex(reportData),
      attributes: claims.attributes,
      levels: claims.levels,
      ...(tcb === undefined ? {} : { tcb_status: tcb.status, advisories: tcb.advisories }),
      concerns: claims.concerns.map(({ code, detail }) => ({ code, detail })),
      valid: { from: timeText(validFromMs), until: timeText(validUntilMs) },
      checked: claims.checks,
      details: claims.details,
    },
  };
}

/** NumericDate of RFC 7519. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
