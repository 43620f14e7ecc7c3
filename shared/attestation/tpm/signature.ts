import { concat } from '../../bytes/bytes.ts';
import type { DigestName } from '../../crypto/port.ts';
import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';
import { algorithmText } from './pcr.ts';

/** A TPMT_SIGNATURE (TPM 2.0 part 2 section 11.3.4). Views of the input. */
export type TpmSignature =
  | { readonly scheme: 'rsassa'; readonly hash: number; readonly signature: Uint8Array }
  | { readonly scheme: 'ecdsa'; readonly hash: number; readonly r: Uint8Array; readonly s: Uint8Array };

/** TPM_ALG_ID of the signature schemes that attestation keys use. */
export const SCHEMES = { rsassa: 0x0014, ecdsa: 0x0018 } as const;

/** TPM_ALG_ID of the hashes that a signature may be over. SHA-1 is none of them. */
const HASHES: readonly { readonly algorithm: number; readonly name: DigestName }[] = [
  { algorithm: 0x000b, name: 'sha256' },
  { algorithm: 0x000c, name: 'sha384' },
];

/** Bytes of an RSA-4096 signature, and of a coordinate on curve P-521. */
const RSA_BYTES_MAX = 512;
const ECC_BYTES_MAX = 66;
const SIGNATURE_BYTES_MAX = 1024;

/** The hash of a TPM_ALG_ID, `undefined` when signatures may not be over it. */
export function signatureHash(algorithm: number): DigestName | undefined {
  return HASHES.find((hash) => hash.algorithm === algorithm)?.name;
}

/**
 * Parses a TPMT_SIGNATURE, which must fill `bytes`. Schemes other than RSASSA and ECDSA are refused as unreadable,
 * because what follows their number has another layout. Throws `MalformedInput`.
 */
export function parseSignature(bytes: Uint8Array): TpmSignature {
  if (bytes.length > SIGNATURE_BYTES_MAX) malformed(`TPMT_SIGNATURE of ${bytes.length} bytes`);
  const reader = new ByteReader(bytes, 'TPMT_SIGNATURE', 'big');
  const algorithm = reader.u16();
  if (algorithm === SCHEMES.rsassa) {
    const hash = reader.u16();
    const signature = reader.counted('RSA signature', RSA_BYTES_MAX);
    reader.end();
    return { scheme: 'rsassa', hash, signature };
  }
  if (algorithm !== SCHEMES.ecdsa) return malformed(`TPMT_SIGNATURE of scheme ${algorithmText(algorithm)}`);
  const hash = reader.u16();
  const r = reader.counted('R', ECC_BYTES_MAX);
  const s = reader.counted('S', ECC_BYTES_MAX);
  reader.end();
  return { scheme: 'ecdsa', hash, r, s };
}

/**
 * R and S behind each other, each at the curve's full width, because older TPMs leave leading zeros out; `undefined`
 * where one is longer.
 */
export function fixedWidth(r: Uint8Array, s: Uint8Array, scalarBytes: number): Uint8Array | undefined {
  const [left, right] = [padded(r, scalarBytes), padded(s, scalarBytes)];
  return left === undefined || right === undefined ? undefined : concat(left, right);
}

/** `number` behind as many zeros as make `width` bytes; `undefined` where it is longer. */
export function padded(number: Uint8Array, width: number): Uint8Array | undefined {
  return number.length > width ? undefined : concat(new Uint8Array(width - number.length), number);
}
