import { malformed } from './malformed.ts';

/**
 * Reads the fields of a structure one after the other: little-endian, as processors write them, or big-endian, as TPMs
 * do. Every method throws `MalformedInput` where the bytes run out; `what` names the structure in messages. Byte fields
 * are views of the input.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  readonly #isLittleEndian: boolean;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string, order: 'little' | 'big' = 'little') {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#isLittleEndian = order === 'little';
  }

  /** How many bytes have been read. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes have not been read. */
  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), this.#isLittleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), this.#isLittleEndian);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), this.#isLittleEndian);
  }

  /** The next `count` bytes. */
  take(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** The bytes behind their 16-bit length, which is at most `most`: a TPM2B of the TPM. */
  counted(name: string, most: number): Uint8Array {
    const length = this.u16();
    if (length > most) malformed(`${this.#what}: ${name} of ${length} bytes; at most ${most}`);
    return this.take(length);
  }

  /** The next `count` bytes, which the format reserves and which must be zero. */
  zeros(count: number): void {
    const at = this.#offset;
    if (this.take(count).some((byte) => byte !== 0)) malformed(`${this.#what}: reserved bytes at ${at} are not zero`);
  }

  /** All that has not been read. */
  rest(): Uint8Array {
    return this.take(this.left);
  }

  /** All must have been read. */
  end(): void {
    if (this.left > 0) malformed(`${this.#what}: ${this.left} bytes left over`);
  }

  #advance(count: number): number {
    if (count > this.left) malformed(`${this.#what}: ${count} bytes wanted at ${this.#offset}, ${this.left} left`);
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}
