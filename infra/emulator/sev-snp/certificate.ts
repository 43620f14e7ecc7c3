import { constants, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { concat, EMPTY, utf8 } from '#shared/bytes/bytes.ts';
import { der, oid, sequence } from '../der.ts';

/** One extension: its value as it stands within the OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** What is common to certificates and revocation lists. Each field can be bent. */
interface SignedFields {
  /** AlgorithmIdentifier, in DER. */
  readonly algorithm: Uint8Array;
  /** Name, in DER. */
  readonly issuer: Uint8Array;
  /** First and last second of validity, or this and next update; milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  readonly signingKey: KeyObject;
}

/** What a certificate states. */
export interface CertificateFields extends SignedFields {
  /** Content octets. */
  readonly serial: Uint8Array;
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo, in DER. */
  readonly spki: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** What a revocation list states. */
export interface CrlFields extends SignedFields {
  /** Content octets of revoked serial numbers. */
  readonly revoked: readonly Uint8Array[];
}

const TRUE = der(0x01, Uint8Array.of(0xff));
const NULL = der(0x05);
const SHA384 = sequence(oid('2.16.840.1.101.3.4.2.2'), NULL);
const SALT_BYTES = 48;

/** RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 4055 section 3.1), as AMD signs. */
export const PSS_SHA384 = sequence(
  oid('1.2.840.113549.1.1.10'),
  sequence(
    der(0xa0, SHA384),
    der(0xa1, sequence(oid('1.2.840.113549.1.1.8'), SHA384)),
    der(0xa2, der(0x02, Uint8Array.of(SALT_BYTES))),
  ),
);

/**
 * A name in AMD's order. The common name is AMD's, because verifiers go by it; all else says that no hardware stands
 * behind it.
 */
export function emulatedName(commonName: string): Uint8Array {
  return sequence(
    part('2.5.4.11', 0x0c, 'Cloister emulator - no hardware'),
    part('2.5.4.6', 0x13, 'ZZ'),
    part('2.5.4.10', 0x0c, 'EMULATED'),
    part('2.5.4.3', 0x0c, commonName),
  );
}

function part(type: string, tag: number, text: string): Uint8Array {
  return der(0x31, sequence(oid(type), der(tag, utf8(text))));
}

/** DER of the public half of `key`. */
export function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

/**
 * DER of an X.509 v3 certificate (RFC 5280 section 4.1). Written by hand, because libraries put a random serial number
 * in the place of AMD's zero.
 */
export function writeCertificate(fields: CertificateFields): Uint8Array {
  const { serial, algorithm, issuer, validMs, subject, spki, extensions } = fields;
  const version = der(0xa0, der(0x02, Uint8Array.of(2)));
  const validity = sequence(...validMs.map(time));
  const listed = der(0xa3, sequence(...extensions.map(extensionOf)));
  const tbs = sequence(version, der(0x02, serial), algorithm, issuer, validity, subject, spki, listed);
  return signed(tbs, fields);
}

/** DER of an X.509 v2 revocation list (RFC 5280 section 5.1). */
export function writeCrl(fields: CrlFields): Uint8Array {
  const { algorithm, issuer, validMs, revoked } = fields;
  const [thisUpdateMs] = validMs;
  const entries = revoked.map((serial) => sequence(der(0x02, serial), time(thisUpdateMs)));
  const number = extensionOf({ oid: '2.5.29.20', critical: false, value: der(0x02, Uint8Array.of(1)) });
  const tbs = sequence(
    der(0x02, Uint8Array.of(1)),
    algorithm,
    issuer,
    ...validMs.map(time),
    entries.length === 0 ? EMPTY : sequence(...entries),
    der(0xa0, sequence(number)),
  );
  return signed(tbs, fields);
}

function signed(tbs: Uint8Array, { algorithm, signingKey }: SignedFields): Uint8Array {
  const pss = { key: signingKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES };
  const signature = sign('sha384', tbs, pss);
  return sequence(tbs, algorithm, der(0x03, concat(Uint8Array.of(0), signature)));
}

function extensionOf({ oid: type, critical, value }: Extension): Uint8Array {
  return sequence(oid(type), critical ? TRUE : EMPTY, der(0x04, value));
}

/** basicConstraints of a CA, with a path length or without, and its key usage (RFC 5280 sections 4.2.1.9, 4.2.1.3). */
export function authorityExtensions(pathLength: number | undefined, usageBits: number): readonly Extension[] {
  const limit = pathLength === undefined ? EMPTY : der(0x02, Uint8Array.of(pathLength));
  return [
    { oid: '2.5.29.15', critical: true, value: der(0x03, Uint8Array.of(1, usageBits)) },
    { oid: '2.5.29.19', critical: true, value: sequence(TRUE, limit) },
  ];
}

/** UTCTime up to 2049, else GeneralizedTime (RFC 5280 section 4.1.2.5). */
function time(atMs: number): Uint8Array {
  const text = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, '');
  return Number(text.slice(0, 4)) < 2050 ? der(0x17, utf8(text.slice(2))) : der(0x18, utf8(text));
}
