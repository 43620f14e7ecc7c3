import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Packr } from 'msgpackr';
import { isPlainMsgpack } from './structure.ts';

/**
 * MessagePack as the protocol uses it (docs/protocol.md section 1): plain maps, no records, no extension types.
 * Size first, then structure, then decoding, then the exact schema.
 */
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true });

/** Schema of exactly `count` bytes. */
export function bytesOf(count: number) {
  return Type.Uint8Array({ minByteLength: count, maxByteLength: count });
}

/** Schema of at most `max` bytes. */
export function bytesUpTo(max: number) {
  return Type.Uint8Array({ maxByteLength: max });
}

/** MessagePack of `value`: maps keep the order of their keys, so equal values built alike give equal bytes. */
export function encodeMsgpack(value: unknown): Uint8Array {
  // Packr hands out slices of a shared buffer; a copy is the caller's own.
  return new Uint8Array(packr.pack(value));
}

/**
 * The value of `bytes` when they are at most `bytesMax`, one whole plain value, without doubled keys, and satisfy
 * `schema`; else `undefined`. Never throws. Byte fields of the result are views into `bytes`.
 */
export function decodeMsgpack<T extends TSchema>(
  schema: T,
  bytes: Uint8Array,
  bytesMax: number,
): Static<T> | undefined {
  if (bytes.length === 0 || bytes.length > bytesMax || !isPlainMsgpack(bytes)) return undefined;
  const value: unknown = plainBytes(packr.unpack(bytes));
  if (!Value.Check(schema, value)) return undefined;
  // A doubled key vanishes in decoding and a number spelled in too many bytes shrinks: then the lengths differ.
  return packr.pack(value).length === bytes.length ? value : undefined;
}

/** Replaces the decoder's Buffers by plain arrays, whose `slice` copies and which compare as bytes do. */
function plainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(plainBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plainBytes(field)]));
}
