import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Certified } from './pki.ts';

/** A revocation list to be made. */
export interface CrlContents {
  /** Whose list it is, and whose key signs it. */
  readonly issuer: Certified;
  /** How that key signs, in the words of WebCrypto. */
  readonly signing: webcrypto.EcdsaParams | webcrypto.RsaPssParams;
  /** When it is made and when its successor is due; milliseconds since 1970. */
  readonly validMs: readonly [thisUpdate: number, nextUpdate: number];
  /** Serial numbers in hexadecimal. */
  readonly revoked?: readonly string[];
}

/** How a test bends a list. Every field left out is as an authority does it. */
export interface CrlDefects {
  /** Distinguished name in the notation of RFC 4514 that takes the place of the issuer's. */
  readonly issuerName?: string;
  /** Signs in the place of the issuer's key. */
  readonly signingKey?: webcrypto.CryptoKey;
  /** Alters the list after it was signed. */
  readonly alter?: (der: Uint8Array) => Uint8Array;
}

/** The number of the list, an extension that every authority writes (RFC 5280 section 5.2.3). */
const CRL_NUMBER = new x509.Extension('2.5.29.20', false, Uint8Array.of(0x02, 0x01, 0x01));

/** DER of a revocation list (RFC 5280 section 5), signed by its issuer. */
export async function mintCrl(contents: CrlContents, defects: CrlDefects = {}): Promise<Uint8Array> {
  const { issuer, signing, validMs, revoked = [] } = contents;
  const crl = await x509.X509CrlGenerator.create(
    {
      issuer: defects.issuerName ?? issuer.certificate.subjectName,
      thisUpdate: new Date(validMs[0]),
      nextUpdate: new Date(validMs[1]),
      signingAlgorithm: signing,
      signingKey: defects.signingKey ?? issuer.keys.privateKey,
      entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: new Date(validMs[0]) })),
      extensions: [CRL_NUMBER],
    },
    webcrypto,
  );
  const der = new Uint8Array(crl.rawData);
  return defects.alter?.(der) ?? der;
}
