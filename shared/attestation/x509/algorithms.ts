import type { CertificateSignature } from '../../crypto/port.ts';
import type { DerReader } from '../der/reader.ts';
import { TAG } from '../der/reader.ts';
import { readOctetsOfBitString, readOid } from '../der/values.ts';
import { isNull, isPssSha384, RSA_MODULUS_BITS, readModulusBits } from './rsa.ts';

/** AlgorithmIdentifier (RFC 5280 section 4.1.1.2): the OID, and the parameters as they are encoded. */
export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: Uint8Array | undefined;
}

/** A subject's public key: `spki` is the whole DER SubjectPublicKeyInfo. `other` keys verify nothing. */
export type SubjectKey =
  | { readonly spki: Uint8Array; readonly kind: 'p256' | 'p384' | 'other' }
  | { readonly spki: Uint8Array; readonly kind: 'rsa'; readonly modulusBits: number };

/**
 * A certificate signature algorithm that a platform may allow. A platform's list names what its chains really use.
 * `rsa-pss-sha384` is RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes, and nothing else.
 */
export type AllowedSignature =
  | 'ecdsa-sha256'
  | 'ecdsa-sha384'
  | 'rsa-pss-sha384'
  | 'rsa-pkcs1-sha256'
  | 'rsa-pkcs1-sha384'
  | 'rsa-pkcs1-sha512';

/** How an algorithm of the allow-list is recognized, and verified by keys of which family. */
interface SignatureEntry {
  readonly name: AllowedSignature;
  readonly family: 'ec' | 'rsa';
  readonly scheme: CertificateSignature;
  readonly parametersFit: (parameters: Uint8Array | undefined) => boolean;
}

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';

/** Named-curve OIDs (RFC 5480 section 2.1.1.1). */
const CURVES: Readonly<Record<string, 'p256' | 'p384'>> = {
  '1.2.840.10045.3.1.7': 'p256',
  '1.3.132.0.34': 'p384',
};

const isAbsent = (parameters: Uint8Array | undefined): boolean => parameters === undefined;

/**
 * ecdsa-with-SHA256 and -SHA384, whose parameters must be absent (RFC 5758 section 3.2); sha256-, sha384-
 * and sha512WithRSAEncryption, whose parameters must be NULL (RFC 4055 section 5); id-RSASSA-PSS (RFC 4055 section 3.1).
 */
const SIGNATURES: Readonly<Record<string, SignatureEntry>> = {
  '1.2.840.10045.4.3.2': {
    name: 'ecdsa-sha256',
    family: 'ec',
    scheme: { kind: 'ecdsa', hash: 'sha256', encoding: 'der' },
    parametersFit: isAbsent,
  },
  '1.2.840.10045.4.3.3': {
    name: 'ecdsa-sha384',
    family: 'ec',
    scheme: { kind: 'ecdsa', hash: 'sha384', encoding: 'der' },
    parametersFit: isAbsent,
  },
  '1.2.840.113549.1.1.10': {
    name: 'rsa-pss-sha384',
    family: 'rsa',
    scheme: { kind: 'rsa-pss', hash: 'sha384', saltBytes: 48 },
    parametersFit: isPssSha384,
  },
  '1.2.840.113549.1.1.11': {
    name: 'rsa-pkcs1-sha256',
    family: 'rsa',
    scheme: { kind: 'rsa-pkcs1', hash: 'sha256' },
    parametersFit: isNull,
  },
  '1.2.840.113549.1.1.12': {
    name: 'rsa-pkcs1-sha384',
    family: 'rsa',
    scheme: { kind: 'rsa-pkcs1', hash: 'sha384' },
    parametersFit: isNull,
  },
  '1.2.840.113549.1.1.13': {
    name: 'rsa-pkcs1-sha512',
    family: 'rsa',
    scheme: { kind: 'rsa-pkcs1', hash: 'sha512' },
    parametersFit: isNull,
  },
};

/** Reads an AlgorithmIdentifier. Throws `MalformedInput`. */
export function readAlgorithm(reader: DerReader): AlgorithmIdentifier {
  const fields = reader.enter(TAG.sequence, 'AlgorithmIdentifier');
  const oid = readOid(fields);
  const parameters = fields.peek === undefined ? undefined : fields.next().encoding;
  fields.end();
  return { oid, parameters };
}

/** Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). Throws `MalformedInput`. */
export function readSubjectKey(encoding: Uint8Array, fields: DerReader): SubjectKey {
  const algorithm = fields.enter(TAG.sequence, 'public key algorithm');
  const oid = readOid(algorithm);
  const curve = oid === EC_PUBLIC_KEY ? readOid(algorithm) : undefined;
  const parameters = oid === RSA_ENCRYPTION && algorithm.peek !== undefined ? algorithm.next().encoding : undefined;
  if (curve !== undefined || parameters !== undefined) algorithm.end();
  const key = readOctetsOfBitString(fields);
  fields.end();
  // RFC 3279 section 2.3.1: the parameters of an RSA key are NULL.
  if (isNull(parameters)) return { spki: encoding, kind: 'rsa', modulusBits: readModulusBits(key) };
  return { spki: encoding, kind: (curve === undefined ? undefined : CURVES[curve]) ?? 'other' };
}

/**
 * How to verify a signature that was made with `algorithm` by the owner of `key`; `undefined` when the algorithm is
 * not on the list or not one for such a key, so that a key is never used with an algorithm it was not made for.
 */
export function signatureScheme(
  algorithm: AlgorithmIdentifier,
  key: SubjectKey,
  allowed: readonly AllowedSignature[],
): CertificateSignature | undefined {
  const entry = Object.hasOwn(SIGNATURES, algorithm.oid) ? SIGNATURES[algorithm.oid] : undefined;
  if (entry === undefined || !allowed.includes(entry.name)) return undefined;
  return entry.parametersFit(algorithm.parameters) && familyOf(key) === entry.family ? entry.scheme : undefined;
}

/** The family of keys that `key` may verify for; `undefined` where it may not verify at all. */
function familyOf(key: SubjectKey): 'ec' | 'rsa' | undefined {
  switch (key.kind) {
    case 'p256':
    case 'p384':
      return 'ec';
    case 'rsa':
      return key.modulusBits >= RSA_MODULUS_BITS.least && key.modulusBits <= RSA_MODULUS_BITS.most ? 'rsa' : undefined;
    case 'other':
      return undefined;
  }
}
