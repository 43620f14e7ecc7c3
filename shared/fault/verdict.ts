import type { RefusalCode } from './codes.ts';

/**
 * The answer to something a peer sent: a value, never an exception.
 * `refused` carries the code that its sender (and nobody else) is told; `detail` is for that same answer and holds
 * what was found and what was expected, in our own words.
 */
export type Verdict<T> =
  | { readonly kind: 'accepted'; readonly value: T }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly detail: string };

/** An accepted value. */
export function accepted<T>(value: T): Verdict<T> {
  return { kind: 'accepted', value };
}

/** A refusal by code. */
export function refused(code: RefusalCode, detail: string): Verdict<never> {
  return { kind: 'refused', code, detail };
}
