import type { JsonObject } from '../json.ts';
import { memberOf } from '../json.ts';
import { malformed } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import { timeText } from '../x509/time.ts';

/** The times of a token, ms since 1970. */
export interface TokenTimes {
  readonly issuedAtMs: number;
  /** From the later of `nbf` and `iat`. */
  readonly notBeforeMs: number;
  /** The first instant at which the token must not be accepted. */
  readonly expiresMs: number;
}

/** 9999-12-31T23:59:59Z, after which no date has four digits. */
const LAST_SECOND = 253_402_300_799;

/**
 * Reads `iat`, `nbf` and `exp` (RFC 7519 section 4.1). `iat` must be there: without it nobody knows how old the token
 * is. A profile may let `exp` be absent. Throws `MalformedInput`.
 */
export function readTimes(payload: JsonObject, expiry: 'required' | 'optional'): TokenTimes {
  const issued = secondsOf(payload, 'iat') ?? malformed('token without the time of its issue');
  const notBefore = secondsOf(payload, 'nbf') ?? issued;
  const expires = secondsOf(payload, 'exp');
  if (expires === undefined && expiry === 'required') malformed('token without the time of its expiry');
  return {
    issuedAtMs: Math.floor(issued * 1000),
    notBeforeMs: Math.ceil(Math.max(issued, notBefore) * 1000),
    expiresMs: Math.floor((expires ?? LAST_SECOND) * 1000),
  };
}

/**
 * Whether the token is in force at `atMs` (ms since 1970): not before `nbf` and `iat`, and before `exp`, which is
 * itself too late (RFC 7519 section 4.1.4). No leeway: who has a clock that is off says so by the time it passes.
 */
export function timeReasons({ notBeforeMs, expiresMs }: TokenTimes, atMs: number): readonly Reason[] {
  const found = timeText(atMs);
  const reasons: Reason[] = [];
  if (atMs >= expiresMs) {
    const wanted = `before ${timeText(expiresMs)}`;
    reasons.push({ code: 'TOKEN_EXPIRED', detail: 'the token has expired', found, wanted });
  }
  if (atMs < notBeforeMs) {
    const wanted = `from ${timeText(notBeforeMs)}`;
    reasons.push({ code: 'TOKEN_NOT_YET_VALID', detail: 'the token is not valid yet', found, wanted });
  }
  return reasons;
}

/** A NumericDate: seconds since 1970, fractions allowed (RFC 7519 section 2). */
function secondsOf(payload: JsonObject, name: string): number | undefined {
  const value = memberOf(payload, name);
  if (value === undefined) return undefined;
  const valid = typeof value === 'number' && value >= 0 && value <= LAST_SECOND;
  return valid ? value : malformed(`token ${name} is no time in seconds since 1970`);
}
