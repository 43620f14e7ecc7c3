import { fromBase64, toBase64 } from './base64.ts';

const WORD = /^[A-Za-z0-9_-]*$/;

/** Base64url of `bytes` without padding (RFC 4648 section 5, RFC 7515 section 2). */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Bytes of base64url without padding, or `undefined` for any other spelling: padding, white space, a character of the
 * other alphabet, bits behind the last byte that are not zero.
 */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (!WORD.test(text) || text.length % 4 === 1) return undefined;
  const padding = '='.repeat((4 - (text.length % 4)) % 4);
  return fromBase64(text.replaceAll('-', '+').replaceAll('_', '/') + padding);
}
