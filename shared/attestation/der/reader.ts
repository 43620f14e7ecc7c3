import { malformed } from '../malformed.ts';

/** Universal tags in use (X.690 section 8); context tags are 0xa0 + n (constructed) and 0x80 + n (primitive). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: `content` and `encoding` (header included) are views of the input. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly encoding: Uint8Array;
}

/**
 * Reads DER elements one after the other: definite lengths in shortest form, single-byte tags (X.690 section 10.1).
 * Every method throws `MalformedInput` for anything else; `what` names the place in messages.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** Tag of the next element, `undefined` at the end. */
  get peek(): number | undefined {
    return this.#bytes[this.#offset];
  }

  /** The next element, whatever its tag. */
  next(): DerElement {
    const start = this.#offset;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) malformed(`${this.#what}: multi-byte DER tag`);
    const length = this.#length();
    const contentStart = this.#offset;
    if (length > this.#bytes.length - contentStart) malformed(`${this.#what}: DER element runs past its end`);
    this.#offset = contentStart + length;
    return {
      tag,
      content: this.#bytes.subarray(contentStart, this.#offset),
      encoding: this.#bytes.subarray(start, this.#offset),
    };
  }

  /** The next element, which must carry `tag`. */
  expect(tag: number): DerElement {
    const element = this.next();
    if (element.tag !== tag)
      malformed(`${this.#what}: DER tag 0x${element.tag.toString(16)}, not 0x${tag.toString(16)}`);
    return element;
  }

  /** The next element if it carries `tag`. */
  optional(tag: number): DerElement | undefined {
    return this.peek === tag ? this.next() : undefined;
  }

  /** A reader of the content of the next element, which must carry `tag`. */
  enter(tag: number, what: string = this.#what): DerReader {
    return new DerReader(this.expect(tag).content, what);
  }

  /** All must have been read. */
  end(): void {
    if (this.peek !== undefined) malformed(`${this.#what}: ${this.#bytes.length - this.#offset} bytes left over`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) return malformed(`${this.#what}: DER ends early`);
    this.#offset += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) malformed(`${this.#what}: DER length of ${count} octets; 1 to 3 are read`);
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    // X.690 section 10.1: the length is encoded in the fewest octets.
    const least = count === 1 ? 0x80 : 256 ** (count - 1);
    if (length < least) malformed(`${this.#what}: DER length not in its shortest form`);
    return length;
  }
}
