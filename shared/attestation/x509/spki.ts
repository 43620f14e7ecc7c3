/** DER SubjectPublicKeyInfo around keys that other formats carry raw: quotes, TPM structures, JSON Web Keys. */
import { concat, fromHex } from '../../bytes/bytes.ts';
import { assert } from '../../fault/fault.ts';

/** DER up to the point: `SEQUENCE { SEQUENCE { id-ecPublicKey, curve }, BIT STRING 0x00 0x04 }` (RFC 5480). */
const EC_PREFIXES = {
  p256: '3059301306072a8648ce3d020106082a8648ce3d03010703420004',
  p384: '3076301006072a8648ce3d020106052b8104002203620004',
} as const;
const COORDINATE_BYTES = { p256: 32, p384: 48 } as const;

/** AlgorithmIdentifier of rsaEncryption with its NULL (RFC 3279 section 2.3.1). */
const RSA_ALGORITHM = bytesOf('300d06092a864886f70d0101010500');
const RSA_MODULUS_BYTES_MAX = 1024;
const RSA_EXPONENT_BYTES_MAX = 8;

/** SPKI of an uncompressed EC point, `xy` being both coordinates at full width; `undefined` for another length. */
export function ecSpki(curve: 'p256' | 'p384', xy: Uint8Array): Uint8Array | undefined {
  if (xy.length !== 2 * COORDINATE_BYTES[curve]) return undefined;
  return concat(bytesOf(EC_PREFIXES[curve]), xy);
}

/** SPKI of an RSA key from big-endian unsigned modulus and exponent; `undefined` for numbers that are none or too long. */
export function rsaSpki(modulus: Uint8Array, exponent: Uint8Array): Uint8Array | undefined {
  const n = unsigned(modulus);
  const e = unsigned(exponent);
  if (n === undefined || e === undefined) return undefined;
  if (modulus.length > RSA_MODULUS_BYTES_MAX || exponent.length > RSA_EXPONENT_BYTES_MAX) return undefined;
  const key = element(0x30, concat(n, e));
  return element(0x30, concat(RSA_ALGORITHM, element(0x03, concat(Uint8Array.of(0), key))));
}

/** DER INTEGER of a non-zero unsigned number. */
function unsigned(bytes: Uint8Array): Uint8Array | undefined {
  const start = bytes.findIndex((byte) => byte !== 0);
  if (start < 0) return undefined;
  const magnitude = bytes.subarray(start);
  const first = magnitude[0] ?? 0;
  return element(0x02, first < 0x80 ? magnitude : concat(Uint8Array.of(0), magnitude));
}

function element(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  if (length < 0x80) return concat(Uint8Array.of(tag, length), content);
  if (length < 0x100) return concat(Uint8Array.of(tag, 0x81, length), content);
  assert(length < 0x1_0000, 'a public key longer than 64 KiB');
  return concat(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), content);
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  assert(bytes !== undefined, 'a DER prefix is not hexadecimal');
  return bytes;
}
