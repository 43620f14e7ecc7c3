import { concat, u32be } from '#shared/bytes/bytes.ts';

/** Big-endian 16 bits, as structures of a TPM have them. */
export function u16be(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** Little-endian 16 bits, as quotes, reports and event logs have them. */
export function u16le(value: number): Uint8Array {
  return u16be(value).toReversed();
}

/** Little-endian 24 bits. */
export function u24le(value: number): Uint8Array {
  return u32le(value).subarray(0, 3);
}

/** Little-endian 32 bits. */
export function u32le(value: number): Uint8Array {
  return u32be(value).toReversed();
}

/** A TPM2B: bytes behind their 16-bit length. */
export function counted(bytes: Uint8Array): Uint8Array {
  return concat(u16be(bytes.length), bytes);
}
