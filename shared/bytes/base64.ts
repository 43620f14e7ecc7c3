/**
 * Base64 (RFC 4648 section 4, with padding) in its one canonical form: decoding refuses every other spelling,
 * because what is signed must not have two encodings.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BINARY_STEP = 0x8000;

/** Canonical base64 of `bytes`, padded. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += BINARY_STEP) {
    binary += String.fromCharCode(...bytes.subarray(i, i + BINARY_STEP));
  }
  return btoa(binary);
}

/** Bytes of canonical padded base64, or `undefined` for anything else (white space, missing padding, stray bits). */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const last = ALPHABET.indexOf(text[text.length - padding - 1] ?? '');
  const strayBits = padding === 2 ? 0x0f : padding === 1 ? 0x03 : 0;
  if ((last & strayBits) !== 0 && text.length > 0) return undefined;
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
