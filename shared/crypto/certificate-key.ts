/**
 * What WebCrypto must be told about a certificate key and will not find out by itself: the curve behind a
 * SubjectPublicKeyInfo, and an ECDSA signature as two integers of fixed width.
 */

/** Curves of certificate chains. */
export type CurveName = 'P-256' | 'P-384' | 'P-521';

/** DER of `SEQUENCE { OID id-ecPublicKey, OID curve }` (RFC 5480) behind the outer header of the key. */
const CURVES: readonly { readonly name: CurveName; readonly oid: readonly number[]; readonly scalarBytes: number }[] = [
  { name: 'P-256', oid: [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], scalarBytes: 32 },
  { name: 'P-384', oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], scalarBytes: 48 },
  { name: 'P-521', oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], scalarBytes: 66 },
];

const EC_PUBLIC_KEY = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/** The curve of an EC SubjectPublicKeyInfo and the width of its scalars, or `undefined` for any other key. */
export function curveOf(spki: Uint8Array): { readonly name: CurveName; readonly scalarBytes: number } | undefined {
  // Outer SEQUENCE with a short or one-byte long length, then the algorithm SEQUENCE.
  const algorithm = spki[1] === 0x81 ? 3 : 2;
  const start = algorithm + 2;
  if (spki[0] !== 0x30 || spki[algorithm] !== 0x30 || !startsWith(spki, start, EC_PUBLIC_KEY)) return undefined;
  return CURVES.find(({ oid }) => startsWith(spki, start + EC_PUBLIC_KEY.length, oid));
}

/**
 * `r ‖ s`, each of `scalarBytes` bytes, from a DER `SEQUENCE { INTEGER r, INTEGER s }`, or `undefined` when it is not
 * exactly that in DER.
 */
export function rawSignature(der: Uint8Array, scalarBytes: number): Uint8Array | undefined {
  const header = der[1] === 0x81 ? 3 : 2;
  const length = header === 3 ? der[2] : der[1];
  if (der[0] !== 0x30 || length !== der.length - header || (header === 3 && length < 0x80)) return undefined;
  const raw = new Uint8Array(2 * scalarBytes);
  const afterR = readInteger(der, header, raw.subarray(0, scalarBytes));
  const end = afterR === undefined ? undefined : readInteger(der, afterR, raw.subarray(scalarBytes));
  return end === der.length ? raw : undefined;
}

/** Writes the non-negative INTEGER at `offset` right-aligned into `scalar`; the offset behind it. */
function readInteger(der: Uint8Array, offset: number, scalar: Uint8Array): number | undefined {
  const length = der[offset + 1];
  if (der[offset] !== 0x02 || length === undefined || length === 0 || length > 0x7f) return undefined;
  const content = der.subarray(offset + 2, offset + 2 + length);
  const [first = 0, second = 0] = content;
  // DER: no sign bit on what is positive, and no zero byte in front but the one that keeps it so.
  if (content.length !== length || first >= 0x80 || (first === 0 && length > 1 && second < 0x80)) return undefined;
  const magnitude = first === 0 ? content.subarray(1) : content;
  if (magnitude.length > scalar.length) return undefined;
  scalar.set(magnitude, scalar.length - magnitude.length);
  return offset + 2 + length;
}

function startsWith(bytes: Uint8Array, offset: number, expected: readonly number[]): boolean {
  return expected.every((byte, i) => bytes[offset + i] === byte);
}
