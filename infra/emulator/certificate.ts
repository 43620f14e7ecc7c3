import { type KeyObject, type SignKeyObjectInput, sign } from 'node:crypto';
import { EMPTY } from '#shared/bytes/bytes.ts';
import { der, oid, sequence } from './der.ts';

/** How an authority signs a certificate or a revocation list. */
export interface Signing {
  /** AlgorithmIdentifier, in DER. */
  readonly algorithm: Uint8Array;
  /** The algorithm outside the signed part, where it is to be another. */
  readonly outerAlgorithm?: Uint8Array;
  /** Name of the hash in the words of OpenSSL. */
  readonly hash: string;
}

/** What signs: a key, with padding and salt where it is of RSASSA-PSS. */
export type SigningKey = KeyObject | SignKeyObjectInput;

/** Everything that a certificate says, each part in DER. Each can be bent. */
export interface CertificateFields extends Signing {
  readonly version: Uint8Array;
  readonly serial: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly validity: Uint8Array;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
  /** Further parts behind the extensions of the signed part. */
  readonly extra: Uint8Array;
}

/** Version 3, as a certificate states it. */
export const X509_V3 = der(0xa0, der(0x02, Uint8Array.of(2)));
/** BOOLEAN true. */
export const TRUE = der(0x01, Uint8Array.of(0xff));

/** DER of a certificate (RFC 5280 section 4.1): bytes that no library would write, where a test wants them. */
export function writeCertificate(fields: CertificateFields, key: SigningKey): Uint8Array {
  const { version, serial, algorithm, issuer, validity, subject, spki, extensions, extra } = fields;
  const listed = der(0xa3, sequence(...extensions));
  return signed(sequence(version, serial, algorithm, issuer, validity, subject, spki, listed, extra), fields, key);
}

/** DER of one extension; `value` stands within its OCTET STRING. */
export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), critical ? TRUE : EMPTY, der(0x04, value));
}

/** What is signed, the algorithm, and the signature over `tbs` (RFC 5280 section 4.1.1). */
export function signed(tbs: Uint8Array, signing: Signing, key: SigningKey): Uint8Array {
  const { algorithm, outerAlgorithm = algorithm, hash } = signing;
  return sequence(tbs, outerAlgorithm, der(0x03, Uint8Array.of(0), sign(hash, tbs, key)));
}
