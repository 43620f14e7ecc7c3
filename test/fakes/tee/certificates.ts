import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type CertificateFields, extension, TRUE, writeCertificate, X509_V3 } from '#infra/emulator/certificate.ts';
import { bitString, der, oid, sequence, time } from '#infra/emulator/der.ts';
import { concat, EMPTY, utf8 } from '#shared/bytes/bytes.ts';

/** A key pair for certificates. */
export interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export const ECDSA_SHA384 = sequence(oid('1.2.840.10045.4.3.3'));
export const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

export function newKeys(namedCurve = 'P-384'): Keys {
  return generateKeyPairSync('ec', { namedCurve });
}

export function spkiOf(keys: Keys): Uint8Array {
  return new Uint8Array(keys.publicKey.export({ type: 'spki', format: 'der' }));
}

/** A name of one common name. */
export function named(commonName: string): Uint8Array {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, utf8(commonName)))));
}

/** basicConstraints of a CA, with a path length or without. */
export function authority(pathLength?: number): Uint8Array {
  const limit = pathLength === undefined ? EMPTY : der(0x02, Uint8Array.of(pathLength));
  return extension('2.5.29.19', true, sequence(TRUE, limit));
}

export const NO_AUTHORITY = extension('2.5.29.19', true, sequence());
/** digitalSignature and keyCertSign. */
export const AUTHORITY_USAGE = extension('2.5.29.15', true, bitString(2, 0x84));
export const SIGNER_USAGE = extension('2.5.29.15', true, bitString(7, 0x80));

/** DER of a certificate with `fields`, signed by `issuerKeys`. */
export function mintCertificate(fields: CertificateFields, issuerKeys: Keys): Uint8Array {
  return writeCertificate(fields, issuerKeys.privateKey);
}

/** Fields of a plain certificate, valid for a day around `atMs`. */
export function plainFields(subject: string, issuer: string, keys: Keys, atMs: number): CertificateFields {
  return {
    version: X509_V3,
    serial: der(0x02, Uint8Array.of(1)),
    algorithm: ECDSA_SHA384,
    hash: 'sha384',
    issuer: named(issuer),
    subject: named(subject),
    validity: sequence(time(atMs - 43_200_000), time(atMs + 43_200_000)),
    spki: spkiOf(keys),
    extensions: [],
    extra: EMPTY,
  };
}

/** What bends the certificate at one place of a chain. */
export type Bend = (fields: CertificateFields) => Partial<CertificateFields>;

/** A chain root, middle, leaf, whose every certificate can be bent before it is signed. */
export function mintChain(
  atMs: number,
  bends: Readonly<Record<number, Bend>> = {},
  curves: readonly string[] = [],
): MintedChain {
  const keys = [0, 1, 2].map((index) => newKeys(curves[index]));
  const names = ['root', 'middle', 'leaf'];
  const extensions = [
    [authority(), AUTHORITY_USAGE],
    [authority(0), AUTHORITY_USAGE],
    [NO_AUTHORITY, SIGNER_USAGE],
  ];
  const chain = keys.map((own, index) => {
    const issuer = Math.max(index - 1, 0);
    const plain = plainFields(names[index] ?? '', names[issuer] ?? '', own, atMs);
    const fields = { ...plain, extensions: extensions[index] ?? [] };
    return mintCertificate({ ...fields, ...bends[index]?.(fields) }, keys[issuer] ?? own);
  });
  return { chain, leafKeys: keys[2] ?? newKeys() };
}

/** DER certificates root first, and the keys of the last. */
export interface MintedChain {
  readonly chain: readonly Uint8Array[];
  readonly leafKeys: Keys;
}

/** `bytes` with one more at the end. */
export function withTrailing(bytes: Uint8Array): Uint8Array {
  return concat(bytes, Uint8Array.of(0));
}
