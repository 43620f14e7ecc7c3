import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { type Certified, certify, derOf, fingerprintOf, nameAround, newEcKeys, serialNumber } from '../certify.ts';
import { der, oid, sequence } from '../der.ts';
import { SIGNING } from '../pki.ts';
import type { Surroundings } from '../surroundings.ts';

/** The chain of an emulated GPU, and the key that signs its reports. */
export interface DeviceChain {
  /** One certificate each, leaf first, root last. */
  readonly endorsements: readonly Endorsement[];
  /** SHA-256 of the root's DER, lower-case hex: what a policy names to accept it. */
  readonly sha256: string;
  readonly deviceKey: KeyObject;
}

/** How a test bends a chain; everything left out is as NVIDIA does it. */
export interface DeviceChainOptions {
  /** Digest of the firmware that the device runs, 48 bytes; `undefined` leaves the extension out. */
  readonly firmwareId: Uint8Array | undefined;
  /** The device's common name, by default that of a Hopper GPU. */
  readonly commonName?: string;
  readonly curve?: 'P-256' | 'P-384';
  /** Last instant of the device's certificate, ms since 1970; it has none on hardware. */
  readonly notAfterMs?: number;
  /** Value of the extension that names the firmware, in the place of the one that `firmwareId` gives. */
  readonly rewriteExtension?: (value: Uint8Array) => Uint8Array;
}

/** "Without end", RFC 5280 section 4.1.2.5. */
const NO_END_MS = Date.parse('9999-12-31T23:59:59Z');
const DAY_MS = 86_400_000;
const COMPOSITE_DEVICE_ID = '2.23.133.5.4.1';
const SHA384 = '2.16.840.1.101.3.4.2.2';
const AUTHORITY = [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
];

/** A device under a root of its own, with one authority between them. */
export async function newDeviceChain(options: DeviceChainOptions, surroundings: Surroundings): Promise<DeviceChain> {
  const { curve = 'P-384', commonName = 'GH100 EMULATED GSP FMC LF', notAfterMs } = options;
  const root = await issue(undefined, surroundings, {
    commonName: 'EMULATED NVIDIA Device Identity CA',
    extensions: AUTHORITY,
  });
  const identity = await issue(root, surroundings, {
    commonName: 'EMULATED NVIDIA GH100 Identity',
    extensions: AUTHORITY,
  });
  const keys = await newEcKeys(curve);
  const device = await issue(identity, surroundings, {
    commonName,
    keys,
    ...(notAfterMs === undefined ? {} : { notAfterMs }),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ...(await firmwareExtension(keys, options)),
    ],
  });
  return {
    endorsements: [device, identity, root].map((each) => ({ kind: 'certificate', bytes: derOf(each) })),
    sha256: fingerprintOf(root),
    deviceKey: KeyObject.from(keys.privateKey),
  };
}

/** Identity of the device and of its firmware, as TCG's DICE has them. */
async function firmwareExtension(
  keys: webcrypto.CryptoKeyPair,
  { firmwareId, rewriteExtension }: DeviceChainOptions,
): Promise<readonly x509.Extension[]> {
  if (firmwareId === undefined) return [];
  const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  const version = der(0x02, Uint8Array.of(1));
  const value = sequence(version, spki, sequence(oid(SHA384), der(0x04, firmwareId)));
  return [new x509.Extension(COMPOSITE_DEVICE_ID, false, Uint8Array.from(rewriteExtension?.(value) ?? value))];
}

interface Wanted {
  readonly commonName: string;
  readonly extensions: readonly x509.Extension[];
  readonly keys?: webcrypto.CryptoKeyPair;
  readonly notAfterMs?: number;
}

async function issue(
  issuer: Certified | undefined,
  surroundings: Surroundings,
  { commonName, extensions, keys: own, notAfterMs = NO_END_MS }: Wanted,
): Promise<Certified> {
  const keys = own ?? (await newEcKeys('P-384'));
  const subject = nameAround(commonName);
  const certificate = await certify({
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    serial: serialNumber(surroundings),
    validMs: [surroundings.now() - DAY_MS, notAfterMs],
    extensions,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signing: SIGNING,
  });
  return { certificate, keys };
}
