import { assert } from '#shared/fault/fault.ts';

/** How a participant waits between two connections. All in milliseconds. */
export interface BackoffPolicy {
  /** Upper bound of the first wait. It doubles with each failure. */
  readonly firstMs: number;
  /** Upper bound of every wait. */
  readonly maxMs: number;
}

/** Half a second, doubling up to half a minute. */
export const BACKOFF: BackoffPolicy = { firstMs: 500, maxMs: 30_000 };

/** Longest wait that a peer can ask for: an hour would let one forged hint silence a participant. */
export const RETRY_AFTER_MS_MAX = 60_000;

/**
 * Exponential back-off with full jitter: uniform in [0, min(max, first · 2^failures)], so that participants which
 * lost the same host do not come back in the same instant. A peer's `retryAfterMs` is waited for first, bounded.
 * @param failures connections that failed in a row before this wait, from 0
 * @param random uniform in [0, 1)
 */
export function backoffMs(
  failures: number,
  retryAfterMs: number,
  random: () => number,
  policy: BackoffPolicy = BACKOFF,
): number {
  assert(failures >= 0 && retryAfterMs >= 0, `a wait after ${failures} failures and ${retryAfterMs} ms`);
  const ceilingMs = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(failures, 30));
  return Math.min(retryAfterMs, RETRY_AFTER_MS_MAX) + Math.floor(random() * ceilingMs);
}
