import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { bitString, der, oid, sequence, time } from '#infra/emulator/der.ts';
import { concat, EMPTY, utf8 } from '#shared/bytes/bytes.ts';

/** A key pair for certificates. */
export interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Everything that a certificate says. Each field can be bent. */
export interface CertificateFields {
  readonly version: Uint8Array;
  readonly serial: Uint8Array;
  readonly algorithm: Uint8Array;
  /** The algorithm outside the signed part. */
  readonly outerAlgorithm?: Uint8Array;
  readonly hash: string;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly validity: Uint8Array;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
  /** Further parts behind the extensions of the signed part. */
  readonly extra: Uint8Array;
}

export const ECDSA_SHA384 = sequence(oid('1.2.840.10045.4.3.3'));
export const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const TRUE = der(0x01, Uint8Array.of(0xff));

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

export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), critical ? TRUE : EMPTY, der(0x04, value));
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
  const { version, serial, algorithm, issuer, validity, subject, spki, extensions, extra } = fields;
  const listed = der(0xa3, sequence(...extensions));
  const tbs = sequence(version, serial, algorithm, issuer, validity, subject, spki, listed, extra);
  const signature = sign(fields.hash, tbs, issuerKeys.privateKey);
  return sequence(tbs, fields.outerAlgorithm ?? algorithm, der(0x03, Uint8Array.of(0), signature));
}

/** Fields of a plain certificate, valid for a day around `atMs`. */
export function plainFields(subject: string, issuer: string, keys: Keys, atMs: number): CertificateFields {
  return {
    version: der(0xa0, der(0x02, Uint8Array.of(2))),
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
