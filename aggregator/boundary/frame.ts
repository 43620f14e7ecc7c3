import { type Static, type TObject, Type } from '@sinclair/typebox';
import { u32be } from '#shared/bytes/bytes.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import { decodeMsgpack, encodeMsgpack } from '#shared/codec/msgpack.ts';
import { assert } from '#shared/fault/fault.ts';
import { BOUNDARY_LIMITS } from './limits.ts';

/**
 * Framing across the enclave wall: `u32(length) ‖ msgpack[tag, body]`. Each side takes the other for hostile: lengths
 * are refused before anything is kept for them, bodies are proven by their schema, and the first malformed byte ends the connection.
 */

const LENGTH_BYTES = 4;
/** MessagePack header of an array of two. */
const PAIR_HEADER = 0x92;
/** Tags are positive fixints, so each is one byte that can be read before decoding. */
const TAG_MAX = 0x7f;

/** One row of a message table: its tag on the wire (never reused) and the schema of its body. */
export interface BoundaryEntry {
  readonly tag: number;
  readonly body: TObject;
}

/** A closed union, written as a table by message name. */
export type BoundaryTable = Readonly<Record<string, BoundaryEntry>>;

/** The messages of a table: one `{ name, body }` for each row. */
export type BoundaryMessage<T extends BoundaryTable> = {
  [N in keyof T & string]: { readonly name: N; readonly body: Static<T[N]['body']> };
}[keyof T & string];

/** Both directions of one table. */
export interface BoundaryCodec<M> {
  /** A whole frame, length included. Throws `InvariantFault` when the message is outside the bounds: our own bug. */
  encode(message: M): Uint8Array;
  /** Decodes one message without its length bytes; `undefined` for anything that is not exactly one legal message. */
  decode(bytes: Uint8Array): M | undefined;
}

/** The codec of `table`. Byte fields of decoded messages may be views into the bytes they came from. */
export function boundaryCodec<T extends BoundaryTable>(table: T): BoundaryCodec<BoundaryMessage<T>> {
  const rows = Object.entries(table).map(([name, { tag, body }]) => {
    assert(Number.isInteger(tag) && tag > 0 && tag <= TAG_MAX, `tag of ${name} is one byte`);
    return { name, tag, pair: Type.Tuple([Type.Literal(tag), body]) };
  });
  const byTag = new Map(rows.map((row) => [row.tag, row]));
  assert(byTag.size === rows.length, 'no two messages share a tag');

  function decode(bytes: Uint8Array): BoundaryMessage<T> | undefined {
    const row = bytes[0] === PAIR_HEADER ? byTag.get(bytes[1] ?? 0) : undefined;
    if (row === undefined) return undefined;
    const pair = decodeMsgpack(row.pair, bytes, BOUNDARY_LIMITS.messageBytesMax);
    // The row pairs this name with the schema that the body has just satisfied.
    return pair === undefined ? undefined : ({ name: row.name, body: pair[1] } as BoundaryMessage<T>);
  }

  function encode(message: BoundaryMessage<T>): Uint8Array {
    const tag = table[message.name]?.tag;
    assert(tag !== undefined, `${message.name} is a message of this direction`);
    const bytes = encodeMsgpack([tag, message.body]);
    assert(decode(bytes) !== undefined, `${message.name} is within the bounds of its schema`);
    const frame = new Uint8Array(LENGTH_BYTES + bytes.length);
    frame.set(u32be(bytes.length));
    frame.set(bytes, LENGTH_BYTES);
    giveBack(bytes);
    return frame;
  }

  return { encode, decode };
}

/** What a reader made of the bytes so far: whole messages, and whether the peer broke the framing after them. */
export interface BoundaryReading<M> {
  readonly messages: readonly M[];
  /** Why the connection must be closed; `undefined` while all is well. */
  readonly broken: string | undefined;
}

/**
 * Takes a byte stream apart into messages. It holds at most one message of the bounded length; after the first
 * malformed byte it stays broken and keeps nothing.
 */
export class BoundaryReader<M> {
  readonly #decode: (bytes: Uint8Array) => M | undefined;
  readonly #header = new Uint8Array(LENGTH_BYTES);
  /** Bytes of the header, then of the body, that have arrived. */
  #filled = 0;
  #body: Uint8Array | undefined;
  #broken: string | undefined;

  constructor(decode: (bytes: Uint8Array) => M | undefined) {
    this.#decode = decode;
  }

  /** Takes the next bytes of the stream. `bytes` may be reused by the caller afterwards. */
  push(bytes: Uint8Array): BoundaryReading<M> {
    const messages: M[] = [];
    let offset = 0;
    while (offset < bytes.length && this.#broken === undefined) {
      offset += this.#body === undefined ? this.#takeHeader(bytes, offset) : this.#takeBody(bytes, offset);
      const message = this.#wholeMessage();
      if (message !== undefined) messages.push(message);
    }
    return { messages, broken: this.#broken };
  }

  #takeHeader(bytes: Uint8Array, offset: number): number {
    const taken = Math.min(LENGTH_BYTES - this.#filled, bytes.length - offset);
    this.#header.set(bytes.subarray(offset, offset + taken), this.#filled);
    this.#filled += taken;
    if (this.#filled < LENGTH_BYTES) return taken;
    const length = new DataView(this.#header.buffer).getUint32(0);
    if (length === 0 || length > BOUNDARY_LIMITS.messageBytesMax) {
      this.#break(`a message of ${length} bytes; 1 to ${BOUNDARY_LIMITS.messageBytesMax} are allowed`);
      return taken;
    }
    this.#body = new Uint8Array(length);
    this.#filled = 0;
    return taken;
  }

  #takeBody(bytes: Uint8Array, offset: number): number {
    const body = this.#body;
    assert(body !== undefined, 'a body is being read');
    const taken = Math.min(body.length - this.#filled, bytes.length - offset);
    body.set(bytes.subarray(offset, offset + taken), this.#filled);
    this.#filled += taken;
    return taken;
  }

  #wholeMessage(): M | undefined {
    const body = this.#body;
    if (body === undefined || this.#filled < body.length) return undefined;
    this.#body = undefined;
    this.#filled = 0;
    const message = this.#decode(body);
    if (message === undefined) this.#break('a message that is not one of the closed list, or out of its bounds');
    return message;
  }

  #break(reason: string): void {
    this.#broken = reason;
    this.#body = undefined;
    this.#filled = 0;
  }
}
