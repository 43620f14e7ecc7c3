import { constants, createPublicKey, type KeyObject } from 'node:crypto';
import { EMPTY, utf8 } from '#shared/bytes/bytes.ts';
import { extension, type SigningKey, TRUE, writeCertificate, X509_V3 } from '../certificate.ts';
import { der, oid, sequence, time } from '../der.ts';

/** One extension: its value as it stands within the OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** What a certificate states. Each field can be bent. */
export interface AmdCertificate {
  /** AlgorithmIdentifier, in DER. */
  readonly algorithm: Uint8Array;
  /** Content octets. */
  readonly serial: Uint8Array;
  /** Names, in DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** First and last second of validity; milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  /** SubjectPublicKeyInfo, in DER. */
  readonly spki: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly signingKey: KeyObject;
}

const NULL = der(0x05);
const SHA384 = sequence(oid('2.16.840.1.101.3.4.2.2'), NULL);
const SALT_BYTES = 48;
const HASH = 'sha384';

/** RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 4055 section 3.1). */
const PSS_SHA384 = sequence(
  oid('1.2.840.113549.1.1.10'),
  sequence(
    der(0xa0, SHA384),
    der(0xa1, sequence(oid('1.2.840.113549.1.1.8'), SHA384)),
    der(0xa2, der(0x02, Uint8Array.of(SALT_BYTES))),
  ),
);

/** How AMD signs certificates and revocation lists. */
export const AMD_SIGNING = { algorithm: PSS_SHA384, hash: HASH } as const;

/** `key` as AMD's authorities use theirs. */
export function pssKey(key: KeyObject): SigningKey {
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES };
}

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

/** DER of a certificate. AMD's may have the serial number zero, in the place of which libraries put a random one. */
export function writeAmdCertificate(stated: AmdCertificate): Uint8Array {
  const { algorithm, serial, issuer, subject, validMs, spki, extensions, signingKey } = stated;
  const fields = {
    algorithm,
    hash: HASH,
    version: X509_V3,
    serial: der(0x02, serial),
    issuer,
    subject,
    validity: sequence(...validMs.map(time)),
    spki,
    extensions: extensions.map((each) => extension(each.oid, each.critical, each.value)),
    extra: EMPTY,
  };
  return writeCertificate(fields, pssKey(signingKey));
}

/** basicConstraints of a CA, with a path length or without, and its key usage (RFC 5280 sections 4.2.1.9, 4.2.1.3). */
export function authorityExtensions(pathLength: number | undefined, usageBits: number): readonly Extension[] {
  const limit = pathLength === undefined ? EMPTY : der(0x02, Uint8Array.of(pathLength));
  return [
    { oid: '2.5.29.15', critical: true, value: der(0x03, Uint8Array.of(1, usageBits)) },
    { oid: '2.5.29.19', critical: true, value: sequence(TRUE, limit) },
  ];
}
