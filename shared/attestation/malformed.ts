import type { Reason } from './reasons.ts';

/** How an input fails to be what its format says. */
export type MalformedCode = 'MALFORMED' | 'TRAILING_DATA';

/**
 * Ends a parser from any depth. It never leaves this folder: {@link attempt} turns it into a value at the
 * parser's entry, so that callers see results and no exceptions.
 */
export class MalformedInput extends Error {
  readonly code: MalformedCode;

  constructor(message: string, code: MalformedCode = 'MALFORMED') {
    super(message);
    this.name = 'MalformedInput';
    this.code = code;
  }
}

/** Stops the parser that calls it. */
export function malformed(message: string, code: MalformedCode = 'MALFORMED'): never {
  throw new MalformedInput(message, code);
}

/** What a parser made of its input. */
export type Parsed<T> =
  | { readonly kind: 'parsed'; readonly value: T }
  | { readonly kind: 'refused'; readonly reason: Reason };

/** Runs a parser. Only malformed input becomes a value: any other error is a bug of ours and passes through. */
export function attempt<T>(parse: () => T): Parsed<T> {
  try {
    return { kind: 'parsed', value: parse() };
  } catch (error) {
    if (!(error instanceof MalformedInput)) throw error;
    return { kind: 'refused', reason: { code: error.code, detail: error.message } };
  }
}
