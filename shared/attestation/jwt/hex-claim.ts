import { fromHex, toHex } from '../../bytes/bytes.ts';
import { malformed } from '../malformed.ts';

/**
 * A claim that states `byteCount` bytes in hexadecimal, in lower case; `undefined` when it is absent. Throws
 * `MalformedInput` for any other value. `name` is ours, for messages.
 */
export function hexClaim(value: unknown, byteCount: number, name: string): string | undefined {
  if (value === undefined) return undefined;
  const bytes = typeof value === 'string' && value.length === 2 * byteCount ? fromHex(value) : undefined;
  return bytes === undefined ? malformed(`token ${name} is not ${byteCount} bytes of hexadecimal`) : toHex(bytes);
}

/** The entries of `claims` that are stated. */
export function stated<T>(claims: Readonly<Record<string, T | undefined>>): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(claims).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}
