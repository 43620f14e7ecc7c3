import { Fault } from '#shared/fault/fault.ts';

/** Time, as the participant sees it: an argument, so that tests move it by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch: only to judge how old evidence is. */
  wallMs(): number;
  /** Calls `wake` once, `delayMs` from now; the returned function cancels it. */
  after(delayMs: number, wake: () => void): () => void;
}

/** The platform's clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, wake) {
    const timer = setTimeout(wake, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts: the caller looks at the signal. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const settle = (): void => {
      cancel();
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const cancel = clock.after(delayMs, settle);
    signal.addEventListener('abort', settle, { once: true });
  });
}

/**
 * `awaited`, unless it takes longer than `deadlineMs`: then `CONNECTION_LOST`, naming what was awaited.
 * What was awaited is not stopped: the caller closes whatever it belongs to.
 */
export function beforeDeadline<T>(clock: Clock, deadlineMs: number, what: string, awaited: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(deadlineMs, () =>
      reject(new Fault('CONNECTION_LOST', `no ${what} within ${deadlineMs} ms; the connection is given up`)),
    );
    awaited.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (cause: unknown) => {
        cancel();
        reject(cause);
      },
    );
  });
}
