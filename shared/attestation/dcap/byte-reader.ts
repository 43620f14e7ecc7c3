import { malformed } from '../malformed.ts';

/**
 * Reads little-endian fields one after the other. Every method throws `MalformedInput` where the bytes run out; `what`
 * names the place in messages. Byte fields are views of the input.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** How many bytes have been read. */
  get offset(): number {
    return this.#offset;
  }

  /** The next `count` bytes. */
  take(count: number): Uint8Array {
    const left = this.#bytes.length - this.#offset;
    if (count > left) malformed(`${this.#what}: ${count} bytes wanted at ${this.#offset}, ${left} left`);
    const start = this.#offset;
    this.#offset += count;
    return this.#bytes.subarray(start, this.#offset);
  }

  /** The next `count` bytes, which the format reserves and which must be zero. */
  zeros(count: number): void {
    const at = this.#offset;
    if (this.take(count).some((byte) => byte !== 0)) malformed(`${this.#what}: reserved bytes at ${at} are not zero`);
  }

  u16(): number {
    const [low = 0, high = 0] = this.take(2);
    return low + 256 * high;
  }

  u32(): number {
    return this.u16() + 0x1_0000 * this.u16();
  }

  /** All that has not been read. */
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#offset);
  }

  /** All must have been read. */
  end(): void {
    const left = this.#bytes.length - this.#offset;
    if (left > 0) malformed(`${this.#what}: ${left} bytes left over`);
  }
}
