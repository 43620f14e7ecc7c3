import { concat, textOf } from '../../bytes/bytes.ts';
import { malformed } from '../malformed.ts';

/**
 * A strict, bounded CBOR reader (RFC 8949) for evidence. Integers and lengths are in their shortest form unless the
 * caller says otherwise, maps hold no key twice, nothing follows the item. Indefinite lengths are read, because real
 * Nitro devices write them. What no evidence holds is refused: floats, `undefined`, other simple values, integers
 * beyond 2^53 - 1.
 */
export const CBOR_LIMITS = { bytes: 64 * 1024, depth: 8, items: 1024 } as const;

/** A map key: the formats read here use no others. */
export type CborKey = number | string;

/** One decoded item. Definite byte strings are views of the input, not copies. */
export type CborItem =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly CborItem[] }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<CborKey, CborItem> }
  | { readonly kind: 'tag'; readonly tag: number; readonly item: CborItem }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' };

/**
 * Whether integers and lengths must be in their shortest form (RFC 8949 section 4.1), so that one value has one
 * spelling, or may have any.
 */
export type CborSpelling = 'shortest' | 'any';

interface Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly spelling: CborSpelling;
  offset: number;
  items: number;
}

/** `argument` is undefined for an indefinite length (additional information 31). */
interface Head {
  readonly major: number;
  readonly info: number;
  readonly argument: number | undefined;
}

const BREAK = 0xff;
const INDEFINITE = 31;

/**
 * Decodes exactly one item that fills `bytes`.
 * @throws MalformedInput - not well-formed, over a limit, or followed by other bytes (code TRAILING_DATA)
 */
export function decodeCbor(bytes: Uint8Array, spelling: CborSpelling = 'shortest'): CborItem {
  if (bytes.length > CBOR_LIMITS.bytes)
    malformed(`CBOR of ${bytes.length} bytes; at most ${CBOR_LIMITS.bytes} are read`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const input: Input = { bytes, view, spelling, offset: 0, items: 0 };
  const item = readItem(input, 0);
  const rest = bytes.length - input.offset;
  if (rest > 0) malformed(`${rest} bytes follow the CBOR item at offset ${input.offset}`, 'TRAILING_DATA');
  return item;
}

function readItem(input: Input, depth: number): CborItem {
  if (depth > CBOR_LIMITS.depth) malformed(`CBOR nested deeper than ${CBOR_LIMITS.depth} levels`);
  input.items += 1;
  if (input.items > CBOR_LIMITS.items) malformed(`CBOR of more than ${CBOR_LIMITS.items} items`);
  const head = readHead(input);
  switch (head.major) {
    case 0:
      return { kind: 'integer', value: definite(head) };
    case 1:
      return { kind: 'integer', value: -1 - definite(head) };
    case 2:
      return { kind: 'bytes', value: readString(input, head) };
    case 3:
      return { kind: 'text', value: readText(input, head) };
    case 4:
      return { kind: 'array', items: readArray(input, head, depth) };
    case 5:
      return { kind: 'map', entries: readMap(input, head, depth) };
    case 6:
      return { kind: 'tag', tag: definite(head), item: readItem(input, depth + 1) };
    default:
      return readSimple(head, input);
  }
}

function readHead(input: Input): Head {
  const initial = readByte(input);
  const major = initial >> 5;
  const info = initial & 0x1f;
  if (info < 24) return { major, info, argument: info };
  if (info === INDEFINITE) return { major, info, argument: undefined };
  if (info > 27) return malformed(`reserved CBOR additional information ${info} at offset ${input.offset - 1}`);
  const width = 1 << (info - 24);
  const argument = readUnsigned(input, width);
  const shortest =
    argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  if (width !== shortest && input.spelling === 'shortest')
    malformed(`CBOR argument in ${width} bytes where ${shortest} would do, at offset ${input.offset}`);
  return { major, info, argument };
}

function readByte(input: Input): number {
  const byte = input.bytes[input.offset];
  if (byte === undefined) return malformed(`CBOR ends at offset ${input.offset}, inside an item`);
  input.offset += 1;
  return byte;
}

function readUnsigned(input: Input, width: number): number {
  const start = input.offset;
  take(input, width);
  if (width === 1) return input.view.getUint8(start);
  if (width === 2) return input.view.getUint16(start);
  if (width === 4) return input.view.getUint32(start);
  const value = input.view.getBigUint64(start);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) malformed(`CBOR integer beyond 2^53 - 1 at offset ${start}`);
  return Number(value);
}

function take(input: Input, count: number): Uint8Array {
  const left = input.bytes.length - input.offset;
  if (count > left) malformed(`CBOR ends early: ${count} bytes wanted at offset ${input.offset}, ${left} left`);
  const bytes = input.bytes.subarray(input.offset, input.offset + count);
  input.offset += count;
  return bytes;
}

function definite(head: Head): number {
  return head.argument ?? malformed(`indefinite length on CBOR major type ${head.major}, which has none`);
}

function atBreak(input: Input): boolean {
  if (input.bytes[input.offset] !== BREAK) return false;
  input.offset += 1;
  return true;
}

function readString(input: Input, head: Head): Uint8Array {
  if (head.argument !== undefined) return take(input, head.argument);
  const chunks: Uint8Array[] = [];
  while (!atBreak(input)) {
    const chunk = readHead(input);
    input.items += 1;
    if (input.items > CBOR_LIMITS.items) malformed(`CBOR of more than ${CBOR_LIMITS.items} items`);
    // RFC 8949 section 3.2.3: chunks are definite-length strings of the same major type.
    if (chunk.major !== head.major) malformed(`a chunk of major type ${chunk.major} in a string of ${head.major}`);
    chunks.push(take(input, definite(chunk)));
  }
  return concat(...chunks);
}

function readText(input: Input, head: Head): string {
  return textOf(readString(input, head)) ?? malformed(`CBOR text before offset ${input.offset} is not UTF-8`);
}

function readArray(input: Input, head: Head, depth: number): readonly CborItem[] {
  const items: CborItem[] = [];
  for (
    let left = head.argument;
    left === undefined ? !atBreak(input) : left > 0;
    left = left === undefined ? left : left - 1
  ) {
    items.push(readItem(input, depth + 1));
  }
  return items;
}

function readMap(input: Input, head: Head, depth: number): ReadonlyMap<CborKey, CborItem> {
  const entries = new Map<CborKey, CborItem>();
  for (
    let left = head.argument;
    left === undefined ? !atBreak(input) : left > 0;
    left = left === undefined ? left : left - 1
  ) {
    const key = readItem(input, depth + 1);
    if (key.kind !== 'integer' && key.kind !== 'text') return malformed(`a CBOR map key of kind ${key.kind}`);
    if (entries.has(key.value)) malformed(`a CBOR map key occurs twice, before offset ${input.offset}`);
    entries.set(key.value, readItem(input, depth + 1));
  }
  return entries;
}

function readSimple(head: Head, input: Input): CborItem {
  if (head.info === 20 || head.info === 21) return { kind: 'boolean', value: head.info === 21 };
  if (head.info === 22) return { kind: 'null' };
  return malformed(`CBOR simple value, float or stray break (${head.info}) before offset ${input.offset}`);
}
