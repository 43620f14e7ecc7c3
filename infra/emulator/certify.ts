import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { toHex } from '#shared/bytes/bytes.ts';
import type { Surroundings } from './surroundings.ts';

/** A certificate with the key that it certifies. */
export interface Certified {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** The root of an emulated vendor on this machine. */
export interface EmulatorRoot extends Certified {
  /** SHA-256 of the DER certificate, lower-case hex: what a policy names to accept this root. */
  readonly sha256: string;
}

/** What a certificate states, and what signs it. */
export interface CertificateContents {
  /** Distinguished names in the notation of RFC 4514, the least significant part first. */
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serial: string;
  /** Not before, not after; milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  readonly extensions: readonly x509.Extension[];
  readonly publicKey: webcrypto.CryptoKey;
  readonly signingKey: webcrypto.CryptoKey;
  /** How {@link signingKey} signs, in the words of WebCrypto. */
  readonly signing: { readonly name: string; readonly hash: string };
}

const SERIAL_BYTES = 16;

/** A certificate of `contents`. */
export function certify(contents: CertificateContents): Promise<x509.X509Certificate> {
  const { subject, issuer, serial, validMs, extensions, publicKey, signingKey, signing } = contents;
  return x509.X509CertificateGenerator.create(
    {
      subject,
      issuer,
      serialNumber: serial,
      notBefore: new Date(validMs[0]),
      notAfter: new Date(validMs[1]),
      extensions: [...extensions],
      publicKey,
      signingKey,
      signingAlgorithm: signing,
    },
    webcrypto,
  );
}

/** The distinguished name that every certificate of an emulated vendor has around its common name. */
export function nameAround(commonName: string): string {
  return `CN=${commonName}, O=EMULATED, OU=Cloister emulator - no hardware, C=ZZ`;
}

/** A positive serial number: RFC 5280 section 4.1.2.2 wants at most 20 bytes and the top bit clear. */
export function serialNumber({ randomBytes }: Pick<Surroundings, 'randomBytes'>): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return toHex(bytes);
}

/** Keys to sign with by ECDSA; `namedCurve` in the words of WebCrypto. */
export function newEcKeys(namedCurve: string): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
}

/** `root` with its fingerprint. */
export function withFingerprint(root: Certified): EmulatorRoot {
  return { ...root, sha256: fingerprintOf(root) };
}

/** SHA-256 of the DER of a certificate, lower-case hex. */
export function fingerprintOf(root: Pick<Certified, 'certificate'>): string {
  return createHash('sha256').update(derOf(root)).digest('hex');
}

/** DER of a certificate. */
export function derOf({ certificate }: Pick<Certified, 'certificate'>): Uint8Array {
  return new Uint8Array(certificate.rawData);
}
