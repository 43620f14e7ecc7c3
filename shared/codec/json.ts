import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { textOf } from '../bytes/bytes.ts';

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/**
 * The value of UTF-8 JSON `bytes`, or `undefined` when they are more than `maxBytes`, are not well-formed UTF-8 or
 * JSON, hold a key twice in one object, or do not satisfy `schema`.
 */
export function decodeJson<T extends TSchema>(schema: T, bytes: Uint8Array, maxBytes: number): Static<T> | undefined {
  if (bytes.length > maxBytes) return undefined;
  const text = textOf(bytes);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined || hasDoubledKey(text, value)) return undefined;
  return Value.Check(schema, value) ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // JSON.parse has no other way to say "malformed"; no JSON text has the value `undefined`.
    return undefined;
  }
}

/**
 * Whether any object in `text`, whose value `value` is, names a key twice. JSON.parse keeps the last one silently, so the
 * value then has fewer members than the text has colons; what is in strings aside, each colon makes one.
 */
function hasDoubledKey(text: string, value: unknown): boolean {
  return colonsIn(text) !== membersOf(value);
}

function colonsIn(text: string): number {
  let colons = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) quoted = !quoted;
    else if (quoted) i += unit === BACKSLASH ? 1 : 0;
    else if (unit === COLON) colons += 1;
  }
  return colons;
}

/** The members of all objects in a value, counted without recursion: text may nest as deep as it is long. */
function membersOf(value: unknown): number {
  const open: unknown[] = [value];
  let members = 0;
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null) continue;
    const values: readonly unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (!Array.isArray(next)) members += values.length;
    for (const member of values) if (typeof member === 'object') open.push(member);
  }
  return members;
}
