import type { Concern } from '../claims.ts';
import type { Reason } from '../reasons.ts';
import { timeText } from '../x509/time.ts';

/** When a part of the collateral was issued, and the last second before its successor is due; ms since 1970. */
export interface ValiditySpan {
  readonly what: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A refusal when the part was issued after `atMs`. */
export function spanReasons({ what, fromMs }: ValiditySpan, atMs: number): readonly Reason[] {
  if (atMs >= fromMs) return [];
  const [found, wanted] = [timeText(atMs), `from ${timeText(fromMs)}`];
  return [{ code: 'COLLATERAL_NOT_YET_VALID', detail: `the ${what} was issued after the stated time`, found, wanted }];
}

/** A concern when the part is past its next update at `atMs`. As with certificates, the last second counts whole. */
export function spanConcerns({ what, untilMs }: ValiditySpan, atMs: number): readonly Concern[] {
  if (atMs < untilMs + 1000) return [];
  const [found, wanted] = [timeText(atMs), `until ${timeText(untilMs)}`];
  const detail = `the ${what} is past its next update`;
  return [{ code: 'COLLATERAL_EXPIRED', detail, found, wanted, endedMs: untilMs }];
}
