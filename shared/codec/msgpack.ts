import { type Static, type TObject, type TProperties, type TSchema, type TUint8Array, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Packr } from 'msgpackr/pack';
import { assert } from '../fault/fault.ts';
import { isStrictMsgpack } from './msgpack-shape.ts';

/** Plain MessagePack: no records, no class revival, no extension types; 64-bit integers arrive as numbers. */
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true, int64AsType: 'number' });

/** A byte string of exactly `length` bytes. */
export function bytesOf(length: number): TUint8Array {
  return Type.Uint8Array({ minByteLength: length, maxByteLength: length });
}

/** A byte string of at most `length` bytes. */
export function bytesUpTo(length: number): TUint8Array {
  return Type.Uint8Array({ maxByteLength: length });
}

/** A map with exactly these keys. */
export function exactly<T extends TProperties>(properties: T): TObject<T> {
  return Type.Object(properties, { additionalProperties: false });
}

/** MessagePack bytes of `value`, freshly allocated: plain objects, arrays, byte strings, text, numbers, booleans, null. */
export function encodeMsgpack(value: unknown): Uint8Array {
  const bytes = new Uint8Array(packr.pack(value));
  assert(isStrictMsgpack(bytes), 'a value to encode holds what the protocol does not speak, such as undefined');
  return bytes;
}

/**
 * The value in `bytes`, or `undefined` when they are more than `maxBytes`, hold anything but one strict value
 * (see `isStrictMsgpack`), or do not satisfy `schema`. Objects are fresh; byte strings in them are views of `bytes`,
 * so a caller that lets `bytes` change or keeps a small part of a large frame copies them.
 */
export function decodeMsgpack<T extends TSchema>(
  schema: T,
  bytes: Uint8Array,
  maxBytes: number,
): Static<T> | undefined {
  if (bytes.length > maxBytes || !isStrictMsgpack(bytes)) return undefined;
  // A Buffer would give Buffers back; a plain view gives plain views.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value: unknown = packr.unpack(plain);
  return Value.Check(schema, value) ? value : undefined;
}
