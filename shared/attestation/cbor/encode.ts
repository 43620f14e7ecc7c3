import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { assert } from '#shared/fault/fault.ts';

/**
 * What the writer takes. A map is a list of entries, because devices write their keys in an order of their own and
 * an object would lose integer keys.
 */
export type CborInput = number | string | Uint8Array | null | readonly CborInput[] | CborInputMap;

/** Entries of a map, written in the order given. */
export interface CborInputMap {
  readonly entries: readonly (readonly [CborInput, CborInput])[];
}

/** Nesting that the writer follows: what we write is shallow, a deeper value is a bug. */
const DEPTH_MAX = 16;

const UINT = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const NULL_BYTE = 0xf6;

/**
 * CBOR bytes of `value` in preferred serialization (RFC 8949 section 4.1): shortest heads, definite lengths. One value
 * has one encoding. Entries of a map keep the order given, and two equal keys are a bug of the caller
 * (`InvariantFault`), as are numbers that are not safe integers.
 */
export function encodeCbor(value: CborInput): Uint8Array {
  return concat(...partsOf(value, 0));
}

function partsOf(value: CborInput, depth: number): readonly Uint8Array[] {
  assert(depth <= DEPTH_MAX, `CBOR value nested deeper than ${DEPTH_MAX}`);
  if (value === null) return [Uint8Array.of(NULL_BYTE)];
  if (typeof value === 'number') return [integer(value)];
  if (typeof value === 'string') {
    const text = utf8(value);
    return [head(TEXT, text.length), text];
  }
  if (value instanceof Uint8Array) return [head(BYTES, value.length), value];
  if (!isList(value)) return mapParts(value, depth);
  return [head(ARRAY, value.length), ...value.flatMap((item) => partsOf(item, depth + 1))];
}

function isList(value: readonly CborInput[] | CborInputMap): value is readonly CborInput[] {
  return Array.isArray(value);
}

function mapParts(map: CborInputMap, depth: number): readonly Uint8Array[] {
  const seen = new Set<string>();
  const parts: Uint8Array[] = [head(MAP, map.entries.length)];
  for (const [key, value] of map.entries) {
    const keyBytes = concat(...partsOf(key, depth + 1));
    const identity = keyBytes.join();
    assert(!seen.has(identity), 'CBOR map with two equal keys');
    seen.add(identity);
    parts.push(keyBytes, ...partsOf(value, depth + 1));
  }
  return parts;
}

function integer(value: number): Uint8Array {
  assert(Number.isSafeInteger(value), 'CBOR number that is not a safe integer');
  // A negative integer n is written as -1 - n (RFC 8949 section 3.1).
  return value < 0 ? head(NEGATIVE, -1 - value) : head(UINT, value);
}

function head(major: number, argument: number): Uint8Array {
  const first = major << 5;
  if (argument < 24) return Uint8Array.of(first | argument);
  if (argument < 0x100) return Uint8Array.of(first | 24, argument);
  const bytes = new Uint8Array(argument < 0x10000 ? 3 : argument < 0x100000000 ? 5 : 9);
  const view = new DataView(bytes.buffer);
  if (bytes.length === 3) view.setUint16(1, argument);
  else if (bytes.length === 5) view.setUint32(1, argument);
  else view.setBigUint64(1, BigInt(argument));
  bytes[0] = first | (bytes.length === 3 ? 25 : bytes.length === 5 ? 26 : 27);
  return bytes;
}
