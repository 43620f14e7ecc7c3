import type { FaultCode } from './codes.ts';

/** What the reader of a fault should do: mend the input, try again later, or stop and look. */
export type FaultAction = 'fix' | 'retry' | 'stop';

/**
 * The one error class. `code` is stable and documented in `codes.ts`; `message` says what was wrong, with which
 * value, what was expected and what to do. Never a secret, a payload or text chosen by a peer.
 */
export class Fault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'Fault';
    this.code = code;
  }
}

/** A broken invariant of our own: nobody catches it, the process abandons the round, wipes its keys and exits. */
export class InvariantFault extends Error {
  override readonly name = 'InvariantFault';
}

/** Throws `InvariantFault` unless `condition` holds. For bugs only, never for input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantFault(message);
}

/** Marks the end of an exhaustive switch: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantFault(`unreachable case: ${typeof value}`);
}
