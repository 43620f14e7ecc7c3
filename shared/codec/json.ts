import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { textOf } from '../bytes/bytes.ts';

/** A string, or one of the characters that open, close and separate; the rest of valid JSON has no effect on keys. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * The value of UTF-8 JSON `bytes`, or `undefined` when they are more than `maxBytes`, are not well-formed UTF-8 or
 * JSON, hold a key twice in one object, or do not satisfy `schema`.
 */
export function decodeJson<T extends TSchema>(schema: T, bytes: Uint8Array, maxBytes: number): Static<T> | undefined {
  if (bytes.length > maxBytes) return undefined;
  const text = textOf(bytes);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined || hasDoubledKey(text)) return undefined;
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

/** Whether any object in `text`, which is valid JSON, names a key twice; JSON.parse would keep the last one silently. */
function hasDoubledKey(text: string): boolean {
  const open: Set<string>[] = [];
  let latest = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      // Decoded, because "a" and "\u0061" are one key.
      const key: unknown = JSON.parse(latest);
      const keys = open.at(-1);
      if (typeof key !== 'string' || keys === undefined || keys.has(key)) return true;
      keys.add(key);
    } else if (token !== ',') latest = token;
  }
  return false;
}
