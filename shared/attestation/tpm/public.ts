import { concat, u32be } from '../../bytes/bytes.ts';
import type { CryptoPort, DigestName } from '../../crypto/port.ts';
import { assert } from '../../fault/fault.ts';
import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';
import { ecSpki, rsaSpki } from '../x509/spki.ts';
import { algorithmText } from './pcr.ts';
import { padded, SCHEMES } from './signature.ts';

/** The public area of an attestation key: TPMT_PUBLIC (TPM 2.0 part 2 section 12.2.4), as far as one may look. */
export interface TpmPublic {
  readonly nameAlgorithm: DigestName;
  /** TPMA_OBJECT bits. */
  readonly attributes: number;
  readonly scheme: keyof typeof SCHEMES;
  /** TPM_ALG_ID of the hash that the key signs with. */
  readonly schemeHash: number;
  readonly kind: 'rsa' | 'p256' | 'p384';
  /** DER SubjectPublicKeyInfo of the key. */
  readonly spki: Uint8Array;
}

/** Bits of TPMA_OBJECT (part 2 section 8.3.2) that decide whether a key can be an attestation key. */
export const OBJECT_BITS = {
  fixedTPM: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;

/** Bits 0, 3, 12 to 15 and 20 to 31, which the specification keeps at zero. */
const RESERVED_BITS = 0xfff0f009;

const TYPE = { rsa: 0x0001, ecc: 0x0023 } as const;
const ALGORITHM_NULL = 0x0010;
const NAME_ALGORITHMS: Readonly<Record<number, DigestName>> = { 0x000b: 'sha256', 0x000c: 'sha384', 0x000d: 'sha512' };
/** TPM_ECC_CURVE. */
const CURVES: Readonly<Record<number, { readonly kind: 'p256' | 'p384'; readonly scalarBytes: number }>> = {
  0x0003: { kind: 'p256', scalarBytes: 32 },
  0x0004: { kind: 'p384', scalarBytes: 48 },
};
const LIMITS = { bytes: 1024, policy: 64, modulus: 512, coordinate: 66 } as const;
const RSA_BITS: readonly number[] = [2048, 3072, 4096];
/** A TPM writes zero for its default exponent (part 2 section 12.2.3.5). */
const DEFAULT_EXPONENT = 65537;

/** Parses the TPMT_PUBLIC of a restricted or unrestricted signing key, which must fill `bytes`. Throws `MalformedInput`. */
export function parsePublic(bytes: Uint8Array): TpmPublic {
  if (bytes.length > LIMITS.bytes) malformed(`TPMT_PUBLIC of ${bytes.length} bytes; at most ${LIMITS.bytes}`);
  const reader = new ByteReader(bytes, 'TPMT_PUBLIC', 'big');
  const type = reader.u16();
  const nameAlgorithm =
    NAME_ALGORITHMS[reader.u16()] ?? malformed('TPMT_PUBLIC with a name by another hash than SHA-2');
  const attributes = reader.u32();
  if ((attributes & RESERVED_BITS) !== 0) malformed('TPMT_PUBLIC with reserved attributes set');
  reader.counted('authPolicy', LIMITS.policy);
  // A signing key protects no other objects, so it has no symmetric algorithm (part 2 section 12.2.3.5).
  if (reader.u16() !== ALGORITHM_NULL) malformed('TPMT_PUBLIC of a key that is not for signing');
  const scheme = reader.u16();
  const schemeHash = reader.u16();
  const wanted =
    type === TYPE.rsa ? 'rsassa' : type === TYPE.ecc ? 'ecdsa' : malformed('TPMT_PUBLIC is neither RSA nor ECC');
  if (scheme !== SCHEMES[wanted]) malformed(`TPMT_PUBLIC with signature scheme ${algorithmText(scheme)}`);
  const key = wanted === 'rsassa' ? readRsa(reader) : readEcc(reader);
  reader.end();
  return { nameAlgorithm, attributes, scheme: wanted, schemeHash, ...key };
}

/** The key's name (part 1 section 16): its algorithm's TPM_ALG_ID, then the digest of the public area as encoded. */
export function nameOf(key: TpmPublic, encoded: Uint8Array, crypto: Pick<CryptoPort, 'digest'>): Uint8Array {
  const algorithm = encoded.subarray(2, 4);
  return concat(algorithm, crypto.digest(key.nameAlgorithm, encoded));
}

/** Qualified name of a key under `parent`: a qualified name, or the handle of a hierarchy (part 1 section 26.5). */
export function qualifiedName(
  key: TpmPublic,
  parent: Uint8Array,
  name: Uint8Array,
  crypto: Pick<CryptoPort, 'digest'>,
): Uint8Array {
  return concat(name.subarray(0, 2), crypto.digest(key.nameAlgorithm, parent, name));
}

type Key = Pick<TpmPublic, 'kind' | 'spki'>;

function readRsa(reader: ByteReader): Key {
  const bits = reader.u16();
  const exponent = reader.u32();
  const modulus = reader.counted('modulus', LIMITS.modulus);
  const top = modulus[0] ?? 0;
  if (!RSA_BITS.includes(bits) || modulus.length !== bits / 8 || top < 0x80) malformed(`TPMT_PUBLIC of RSA-${bits}`);
  const spki = rsaSpki(modulus, u32be(exponent === 0 ? DEFAULT_EXPONENT : exponent));
  assert(spki !== undefined, 'a modulus of full width has no SubjectPublicKeyInfo');
  return { kind: 'rsa', spki };
}

function readEcc(reader: ByteReader): Key {
  const id = reader.u16();
  const curve = CURVES[id] ?? malformed(`TPMT_PUBLIC on curve ${algorithmText(id)}`);
  if (reader.u16() !== ALGORITHM_NULL) malformed('TPMT_PUBLIC with a key derivation function');
  const x = padded(reader.counted('x', LIMITS.coordinate), curve.scalarBytes);
  const y = padded(reader.counted('y', LIMITS.coordinate), curve.scalarBytes);
  const spki = x === undefined || y === undefined ? undefined : ecSpki(curve.kind, concat(x, y));
  return { kind: curve.kind, spki: spki ?? malformed('TPMT_PUBLIC with a point longer than its curve') };
}
