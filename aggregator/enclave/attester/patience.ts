import type { AttesterPorts, Timers } from './driver.ts';
import { attesterFailed, errorCode } from './failure.ts';

/** How often a device that is busy is asked again, and how long to wait in between. */
export const PATIENCE = { triesMax: 10, firstMs: 50, lastMs: 2_000 } as const;

/** What the kernel answers while a device serves somebody else, or when a signal woke it: nothing is wrong with it. */
const BUSY: ReadonlySet<string> = new Set(['EBUSY', 'EAGAIN', 'EWOULDBLOCK', 'EINTR']);

/** An attempt that is to be made again, and why. */
export interface Again {
  readonly again: string;
}

/**
 * Makes an attempt until it neither says `again` nor meets a busy device; waits twice as long each time. Other errors
 * pass through. Throws `ATTESTER_FAILED` after {@link PATIENCE}`.triesMax` attempts.
 */
export async function patiently<T extends object | void>(
  { clock }: Pick<AttesterPorts, 'clock'>,
  attempt: () => Promise<T | Again>,
): Promise<T> {
  let because = '';
  for (let tries = 0; tries < PATIENCE.triesMax; tries += 1) {
    if (tries > 0) await pause(clock, Math.min(PATIENCE.firstMs * 2 ** (tries - 1), PATIENCE.lastMs));
    const result = await attempt().catch(busyOrThrow);
    if (!isAgain(result)) return result;
    because = result.again;
  }
  throw attesterFailed(`${because}, ${PATIENCE.triesMax} times in a row`);
}

function busyOrThrow(error: unknown): Again {
  const code = errorCode(error);
  if (code === undefined || !BUSY.has(code)) throw error;
  return { again: `the device was busy (${code})` };
}

function isAgain(result: object | void): result is Again {
  return typeof result === 'object' && 'again' in result;
}

function pause(clock: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
