import { Type } from '@sinclair/typebox';
import { textOf } from '../../bytes/bytes.ts';
import { decodeJson } from '../../codec/json.ts';
import { malformed } from '../malformed.ts';

/** A JSON object whose members are not known yet. Members are read with {@link memberOf}, never by index. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** No token or key set nests deeper; it bounds every walk over one. */
export const JSON_DEPTH_MAX = 16;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENERS: readonly number[] = [0x5b, 0x7b];
const CLOSERS: readonly number[] = [0x5d, 0x7d];

/**
 * Parses UTF-8 JSON that is one object: well-formed, no key twice in one object, at most {@link JSON_DEPTH_MAX} deep.
 * `what` names it in messages. Throws `MalformedInput`.
 */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  // Asked before anything is built, so that nesting costs nothing.
  if (depthOf(bytes) > JSON_DEPTH_MAX) malformed(`${what} nests deeper than ${JSON_DEPTH_MAX}`);
  const value = decodeJson(Type.Unknown(), bytes, bytes.length);
  if (value === undefined) {
    const why = textOf(bytes) === undefined ? 'is not UTF-8' : 'is not JSON, or names a key twice';
    return malformed(`${what} ${why}`);
  }
  return isJsonObject(value) ? value : malformed(`${what} is no JSON object`);
}

/** Whether a decoded JSON value is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member that a path of keys leads to; `undefined` where one of them is missing. Inherited names are no members. */
export function memberOf(object: unknown, ...path: readonly string[]): unknown {
  let value = object;
  for (const key of path) value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

/** The member if it is text. */
export function textOfMember(object: unknown, ...path: readonly string[]): string | undefined {
  const value = memberOf(object, ...path);
  return typeof value === 'string' ? value : undefined;
}

/** The member if it is true or false. */
export function booleanOfMember(object: unknown, ...path: readonly string[]): boolean | undefined {
  const value = memberOf(object, ...path);
  return typeof value === 'boolean' ? value : undefined;
}

/** The member if it is an integer that numbers hold exactly. */
export function integerOfMember(object: unknown, ...path: readonly string[]): number | undefined {
  const value = memberOf(object, ...path);
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

/** The texts of a member that is a text or an array; what else an array holds is left out. */
export function textsOfMember(object: unknown, ...path: readonly string[]): readonly string[] {
  const value = memberOf(object, ...path);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((each) => typeof each === 'string');
}

/** How deep brackets nest outside strings, for bytes that may not be JSON at all. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  let escaped = false;
  for (const byte of bytes) {
    if (escaped) escaped = false;
    else if (byte === QUOTE) quoted = !quoted;
    else if (quoted) escaped = byte === BACKSLASH;
    else if (OPENERS.includes(byte)) deepest = Math.max(deepest, ++depth);
    else if (CLOSERS.includes(byte)) depth -= 1;
  }
  return deepest;
}
