import { malformed } from '../malformed.ts';

/**
 * Reads fixed-width integers and counted byte strings one after the other: big-endian for structures of the TPM (TPM
 * 2.0 Library, part 2), little-endian for the firmware's event log. Every method throws `MalformedInput` where the input
 * ends early; `what` names the place in messages. Byte strings are views of the input.
 */
export class TpmReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  readonly #littleEndian: boolean;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string, order: 'big' | 'little' = 'big') {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#littleEndian = order === 'little';
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), this.#littleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), this.#littleEndian);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), this.#littleEndian);
  }

  /** The next `count` bytes. */
  bytes(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** A TPM2B: bytes behind their 16-bit length, which is at most `most`. */
  counted(name: string, most: number): Uint8Array {
    const length = this.u16();
    if (length > most) malformed(`${this.#what}: ${name} of ${length} bytes; at most ${most}`);
    return this.bytes(length);
  }

  /** All must have been read. */
  end(): void {
    if (this.left > 0) malformed(`${this.#what}: ${this.left} bytes left over`);
  }

  #advance(count: number): number {
    if (count > this.left)
      malformed(`${this.#what}: ${count} bytes wanted at offset ${this.#offset}, ${this.left} left`);
    const start = this.#offset;
    this.#offset += count;
    return start;
  }
}
