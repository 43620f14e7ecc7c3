/**
 * Strictness of Ed25519 public keys and of the point R in signatures, decided on the encoding alone, so that every
 * platform gives the same answer.
 */
import { toHex } from '../bytes/bytes.ts';

const POINT_BYTES = 32;

/**
 * y coordinates (little-endian, sign bit cleared) of the eight points of small order: under such a key a signature
 * verifies for many messages; as R no honest signer has one.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  `01${'00'.repeat(31)}`,
  `${'00'.repeat(32)}`,
  `ec${'ff'.repeat(30)}7f`,
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
]);

/**
 * Whether `point` is 32 bytes, encodes a y below 2^255 - 19 (RFC 8032 section 5.1.3 step 1) and is not of small
 * order. Whether it lies on the curve is left to the verification itself.
 */
export function isStrictEd25519Point(point: Uint8Array): boolean {
  if (point.length !== POINT_BYTES) return false;
  const y = point.slice();
  y[POINT_BYTES - 1] = (y[POINT_BYTES - 1] ?? 0) & 0x7f;
  return isBelowPrime(y) && !SMALL_ORDER_Y.has(toHex(y));
}

/** The prime is `ed ff … ff 7f` in little-endian order: only encodings whose upper 31 bytes are all full can reach it. */
function isBelowPrime(y: Uint8Array): boolean {
  if (y[POINT_BYTES - 1] !== 0x7f) return true;
  for (let i = POINT_BYTES - 2; i > 0; i--) if (y[i] !== 0xff) return true;
  return (y[0] ?? 0) < 0xed;
}
