import { Type } from '@sinclair/typebox';
import { textOf } from '../bytes/bytes.ts';
import { decodeJson } from '../codec/json.ts';
import { malformed } from './malformed.ts';

/** A JSON object whose members are not known yet. Members are read with {@link memberOf}, never by index. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** No token, key set or runtime claims nest deeper; it bounds every walk over one. */
export const JSON_DEPTH_MAX = 16;

/** Nor do they hold more objects and arrays; each costs many times the two bytes that it takes to write one. */
export const JSON_CONTAINERS_MAX = 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENERS: readonly number[] = [0x5b, 0x7b];
const CLOSERS: readonly number[] = [0x5d, 0x7d];

/**
 * Parses UTF-8 JSON that is one object: well-formed, no key twice in one object, at most {@link JSON_DEPTH_MAX} deep and
 * of at most {@link JSON_CONTAINERS_MAX} objects and arrays. `what` names it in messages. Throws `MalformedInput`.
 */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  // Asked before anything is built, so that brackets cost nothing.
  const { depth, containers } = bracketsOf(bytes);
  if (depth > JSON_DEPTH_MAX) malformed(`${what} nests deeper than ${JSON_DEPTH_MAX}`);
  if (containers > JSON_CONTAINERS_MAX) malformed(`${what} holds over ${JSON_CONTAINERS_MAX} objects and arrays`);
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

/** How deep brackets nest outside strings, and how many open, for bytes that may not be JSON at all. */
function bracketsOf(bytes: Uint8Array): { readonly depth: number; readonly containers: number } {
  let open = 0;
  let depth = 0;
  let containers = 0;
  let quoted = false;
  let escaped = false;
  for (const byte of bytes) {
    if (escaped) escaped = false;
    else if (byte === QUOTE) quoted = !quoted;
    else if (quoted) escaped = byte === BACKSLASH;
    else if (CLOSERS.includes(byte)) open -= 1;
    else if (OPENERS.includes(byte)) {
      containers += 1;
      depth = Math.max(depth, ++open);
    }
  }
  return { depth, containers };
}
