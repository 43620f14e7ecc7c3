import 'reflect-metadata';
import { KeyObject, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { EMPTY, fromHex } from '#shared/bytes/bytes.ts';
import type { Certified } from '../certify.ts';
import { crlFields, writeCrl } from '../crl.ts';
import { oid, sequence } from '../der.ts';

/** What a revocation list of Intel is to say. */
export interface IntelCrl {
  /** This and next update; milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  /** Serial numbers in hexadecimal. */
  readonly revoked?: readonly string[];
}

/** How a test bends a list. Every field left out is as Intel does it. */
export interface CrlDefects {
  /** Distinguished name in the notation of RFC 4514 that takes the place of the issuer's. */
  readonly issuerName?: string;
  /** Signs in the place of the issuer's key. */
  readonly signingKey?: webcrypto.CryptoKey;
}

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

/** DER of a revocation list by one of Intel's authorities. */
export function mintIntelCrl(
  issuer: Certified,
  { validMs, revoked = [] }: IntelCrl,
  defects: CrlDefects = {},
): Uint8Array {
  const { issuerName } = defects;
  const name = issuerName === undefined ? issuer.certificate.subjectName : new x509.Name(issuerName);
  const fields = crlFields({
    algorithm: ECDSA_SHA256,
    hash: 'sha256',
    issuer: new Uint8Array(name.toArrayBuffer()),
    validMs,
    revoked: revoked.map((serial) => fromHex(serial) ?? EMPTY),
  });
  return writeCrl(fields, KeyObject.from(defects.signingKey ?? issuer.keys.privateKey));
}
