import { DerReader, TAG } from '../der/reader.ts';
import { readOid, readSmallInteger, readUnsignedInteger } from '../der/values.ts';
import { attempt, malformed } from '../malformed.ts';

/**
 * Widths of modulus that are accepted, in bits. Shorter ones are within reach of factoring (NIST SP 800-131A section
 * 3 ends at 2048); of longer ones no vendor makes use, and they cost time.
 */
export const RSA_MODULUS_BITS = { least: 2048, most: 8192 } as const;

/** Vendors use 65537. Long exponents cost time and serve nobody. */
const MAX_EXPONENT_OCTETS = 8;

const MGF1 = '1.2.840.113549.1.1.8';
const SHA384 = '2.16.840.1.101.3.4.2.2';
const SHA384_BYTES = 48;

/** The only trailer that there is: `trailerFieldBC` (RFC 4055 section 3.1). */
const TRAILER_FIELD_BC = 1;

/**
 * Width of the modulus, in bits, of the RSAPublicKey (RFC 8017 appendix A.1.1) that fills `octets`.
 * Throws `MalformedInput`.
 */
export function readModulusBits(octets: Uint8Array): number {
  const outer = new DerReader(octets, 'RSA public key');
  const fields = outer.enter(TAG.sequence);
  outer.end();
  const modulus = readUnsignedInteger(fields);
  const exponent = readUnsignedInteger(fields);
  fields.end();
  if (exponent.length > MAX_EXPONENT_OCTETS) malformed(`RSA exponent of ${exponent.length} octets`);
  const [first = 0, second = 0] = modulus;
  // A leading zero is the sign octet: the number starts behind it.
  const [top, octetsBelow] = first === 0 ? [second, modulus.length - 2] : [first, modulus.length - 1];
  return 8 * Math.max(octetsBelow, 0) + (32 - Math.clz32(top));
}

/** Whether `parameters` is DER NULL, which PKCS #1 v1.5 signatures and RSA keys require (RFC 3279 sections 2.2.1, 2.3.1). */
export function isNull(parameters: Uint8Array | undefined): boolean {
  return parameters?.length === 2 && parameters[0] === TAG.null && parameters[1] === 0;
}

/**
 * Whether `parameters` are RSASSA-PSS-params (RFC 4055 section 3.1) of SHA-384, MGF1 with SHA-384 and a salt of 48
 * bytes. The trailer field has one value only and may be spelled out, although DER leaves defaults away: AMD's
 * authorities do so, AMD's chip certificates do not.
 */
export function isPssSha384(parameters: Uint8Array | undefined): boolean {
  if (parameters === undefined) return false;
  const parsed = attempt(() => readPssSha384(new DerReader(parameters, 'RSASSA-PSS parameters')));
  return parsed.kind === 'parsed' && parsed.value;
}

function readPssSha384(reader: DerReader): boolean {
  const fields = reader.enter(TAG.sequence);
  reader.end();
  const hash = fields.enter(0xa0);
  const hashIsSha384 = isSha384(hash);
  hash.end();
  const mask = fields.enter(0xa1);
  const generator = mask.enter(TAG.sequence);
  mask.end();
  const maskIsSha384 = readOid(generator) === MGF1 && isSha384(generator);
  generator.end();
  const salt = fields.enter(0xa2);
  const saltBytes = readSmallInteger(salt);
  salt.end();
  const trailer = fields.peek === undefined ? TRAILER_FIELD_BC : readTrailer(fields.enter(0xa3));
  fields.end();
  return hashIsSha384 && maskIsSha384 && saltBytes === SHA384_BYTES && trailer === TRAILER_FIELD_BC;
}

/** RFC 4055 section 2.1: the parameters of a hash are NULL, or absent, which means the same. */
function isSha384(reader: DerReader): boolean {
  const fields = reader.enter(TAG.sequence);
  const oid = readOid(fields);
  const parameters = fields.peek === undefined ? undefined : fields.next().encoding;
  fields.end();
  return oid === SHA384 && (parameters === undefined || isNull(parameters));
}

function readTrailer(reader: DerReader): number {
  const trailer = readSmallInteger(reader);
  reader.end();
  return trailer;
}
