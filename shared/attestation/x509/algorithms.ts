import type { CertificateSignature } from '../../crypto/port.ts';
import type { DerReader } from '../der/reader.ts';
import { TAG } from '../der/reader.ts';
import { readOctetsOfBitString, readOid } from '../der/values.ts';

/** AlgorithmIdentifier (RFC 5280 section 4.1.1.2): the OID, and the parameters as they are encoded. */
export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: Uint8Array | undefined;
}

/** A subject's public key: `spki` is the whole DER SubjectPublicKeyInfo. */
export interface SubjectKey {
  readonly spki: Uint8Array;
  readonly kind: 'p256' | 'p384' | 'other';
}

/** A certificate signature algorithm that a platform may allow. A platform's list names what its chains really use. */
export type AllowedSignature = 'ecdsa-sha256' | 'ecdsa-sha384';

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';

/** DER of the named-curve OIDs (RFC 5480 section 2.1.1.1). */
const CURVES: Readonly<Record<string, 'p256' | 'p384'>> = {
  '1.2.840.10045.3.1.7': 'p256',
  '1.3.132.0.34': 'p384',
};

/** ecdsa-with-SHA256 and -SHA384 (RFC 5758 section 3.2), whose parameters must be absent. */
const SIGNATURES: Readonly<Record<string, { readonly name: AllowedSignature; readonly scheme: CertificateSignature }>> =
  {
    '1.2.840.10045.4.3.2': { name: 'ecdsa-sha256', scheme: { kind: 'ecdsa', hash: 'sha256', encoding: 'der' } },
    '1.2.840.10045.4.3.3': { name: 'ecdsa-sha384', scheme: { kind: 'ecdsa', hash: 'sha384', encoding: 'der' } },
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
  readOctetsOfBitString(fields);
  fields.end();
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
  const entry = SIGNATURES[algorithm.oid];
  if (entry === undefined || !allowed.includes(entry.name) || algorithm.parameters !== undefined) return undefined;
  return key.kind === 'other' ? undefined : entry.scheme;
}
