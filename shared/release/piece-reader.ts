import type { Hasher } from '../crypto/port.ts';

/** Bytes in pieces of any size, as a file or a download gives them. */
export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Cuts a sequence of pieces into the lengths that a format asks for, and digests all that passes. Holds one piece, and
 * copies only what spans two.
 */
export class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  readonly #hasher: Hasher;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(pieces: Pieces, hasher: Hasher) {
    this.#pieces = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
    this.#hasher = hasher;
  }

  /** The next `count` bytes, or `undefined` when fewer are left. The view is good until the next call. */
  async take(count: number): Promise<Uint8Array | undefined> {
    if (this.#piece.length === 0 && count > 0 && !(await this.#advance())) return undefined;
    if (this.#piece.length >= count) return this.#cut(count);
    const whole = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      if (this.#piece.length === 0 && !(await this.#advance())) return undefined;
      const part = this.#cut(Math.min(this.#piece.length, count - filled));
      whole.set(part, filled);
      filled += part.length;
    }
    return whole;
  }

  /** Whether nothing is left. */
  async isAtEnd(): Promise<boolean> {
    return this.#piece.length === 0 && !(await this.#advance());
  }

  /** Lets the source go, whether or not it was read to its end. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  #cut(count: number): Uint8Array {
    const part = this.#piece.subarray(0, count);
    this.#piece = this.#piece.subarray(count);
    this.#hasher.update(part);
    return part;
  }

  /** Moves to the next piece that is not empty; false when there is none. */
  async #advance(): Promise<boolean> {
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done === true) return false;
      this.#piece = next.value;
      if (this.#piece.length > 0) return true;
    }
  }
}
