import type { AttestationResult } from './attested.ts';
import type { Claims } from './claims.ts';
import type { PlatformVerifier } from './platform.ts';
import { PLATFORM_VERIFIERS } from './platforms.ts';
import type { Reason } from './reasons.ts';
import { REASON_CODES } from './reasons.ts';
import { timeText } from './x509/time.ts';

/** Values longer than this are cut in the middle of a line of text. */
const SHOWN_CHARACTERS = 96;

/** An attestation result in words, a line each, the most important first. For terminals and logs; not for parsing. */
export function explainAttestation(result: AttestationResult): readonly string[] {
  if (result.kind === 'refused') return explainRefusal(result.reasons, result.claims);
  const { claims, anyNonceBecause } = result.aggregator;
  const freshness =
    anyNonceBecause === undefined
      ? 'It answers our own nonce.'
      : `It was not asked with a nonce of ours: ${anyNonceBecause}.`;
  return explainPassed(claims, freshness);
}

/** Every check that failed, and what the evidence says of itself where it could be read. */
export function explainRefusal(reasons: readonly Reason[], claims: Claims | undefined): readonly string[] {
  const count = reasons.length === 1 ? '1 check' : `${reasons.length} checks`;
  const said = claims === undefined ? [] : ['It says of itself, unproved:', ...explainClaims(claims).map(indent)];
  return [`REFUSED: ${count} failed.`, ...reasons.flatMap(reasonLines), ...said];
}

/** Claims that a policy has accepted. `freshness` is a sentence on what the evidence was asked with. */
export function explainPassed(claims: Claims, freshness: string): readonly string[] {
  const { unprotected }: PlatformVerifier = PLATFORM_VERIFIERS[claims.platform];
  const genuine =
    unprotected === undefined
      ? 'Attested: the enclave runs accepted code on genuine hardware.'
      : `Attested: accepted code was started. NOTHING KEEPS ITS MEMORY FROM ITS OPERATOR: ${unprotected}.`;
  const verdict = claims.root.emulated
    ? 'EMULATED: the evidence holds, but its root is no vendor: nothing protects the enclave from its operator.'
    : genuine;
  return [verdict, freshness, ...explainClaims(claims)];
}

function reasonLines(reason: Reason): readonly string[] {
  const lines = [`${reason.code}: ${REASON_CODES[reason.code]}.`, indent(reason.detail)];
  if (reason.found !== undefined) lines.push(indent(`found  ${shorten(reason.found)}`));
  if (reason.wanted !== undefined) lines.push(indent(`wanted ${shorten(reason.wanted)}`));
  return lines;
}

/** Claims in words, without a verdict on them. */
export function explainClaims(claims: Claims): readonly string[] {
  const { root } = claims;
  return [
    `platform ${claims.platform} (${PLATFORM_VERIFIERS[claims.platform].title}), ${claims.debug ? 'DEBUG mode' : 'production mode'}`,
    `root ${root.name}${root.emulated ? ' (EMULATED)' : ''}, SHA-256 ${root.sha256}`,
    ...(claims.issuedAtMs === undefined ? [] : [`made ${timeText(claims.issuedAtMs)}`]),
    `all that proves it is valid from ${timeText(claims.validFromMs)} to ${timeText(claims.validUntilMs)}`,
    ...Object.entries(claims.measurements)
      .filter(([, value]) => !/^0+$/.test(value))
      .map(([name, value]) => `${name} ${value}`),
    ...tcbLines(claims),
    ...Object.entries(claims.attributes).map(([name, value]) => `${name} ${value}`),
    ...claims.concerns.map(({ code, detail }) => `not checked in full: ${code}: ${detail}`),
    ...claims.checks.map((check) => `checked: ${check}`),
  ];
}

function tcbLines({ tcb, levels }: Claims): readonly string[] {
  const verdict = tcb === undefined ? [] : [`trusted computing base ${[tcb.status, ...tcb.advisories].join(' ')}`];
  const numbers = Object.entries(levels).map(([name, value]) => `${name}=${value}`);
  return numbers.length === 0 ? verdict : [...verdict, `versions ${numbers.join(' ')}`];
}

function indent(line: string): string {
  return `  ${line}`;
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
