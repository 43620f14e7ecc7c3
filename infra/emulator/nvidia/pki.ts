import 'reflect-metadata';
import { createHash, KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { der, oid, sequence } from '../der.ts';
import { type Certified, SIGNING, type Surroundings } from '../pki.ts';

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
const NO_END = new Date('9999-12-31T23:59:59Z');
const DAY_MS = 86_400_000;
const SERIAL_BYTES = 16;
const COMPOSITE_DEVICE_ID = '2.23.133.5.4.1';
const SHA384 = '2.16.840.1.101.3.4.2.2';
const ORGANIZATION = 'O=EMULATED, OU=Cloister emulator - no hardware, C=ZZ';
const AUTHORITY = [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
];

/** A device under a root of its own, with one authority between them. */
export async function newDeviceChain(options: DeviceChainOptions, surroundings: Surroundings): Promise<DeviceChain> {
  const { curve = 'P-384', commonName = 'GH100 EMULATED GSP FMC LF', notAfterMs } = options;
  const root = await certify(undefined, surroundings, {
    name: 'EMULATED NVIDIA Device Identity CA',
    extensions: AUTHORITY,
  });
  const identity = await certify(root, surroundings, { name: 'EMULATED NVIDIA GH100 Identity', extensions: AUTHORITY });
  const keys = await newKeys(curve);
  const device = await certify(identity, surroundings, {
    name: commonName,
    keys,
    ...(notAfterMs === undefined ? {} : { notAfter: new Date(notAfterMs) }),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ...(await firmwareExtension(keys, options)),
    ],
  });
  const chain = [device, identity, root].map(({ certificate }) => new Uint8Array(certificate.rawData));
  return {
    endorsements: chain.map((bytes) => ({ kind: 'certificate', bytes })),
    sha256: createHash('sha256').update(new Uint8Array(root.certificate.rawData)).digest('hex'),
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
  readonly name: string;
  readonly extensions: readonly x509.Extension[];
  readonly keys?: webcrypto.CryptoKeyPair;
  readonly notAfter?: Date;
}

async function certify(
  issuer: Certified | undefined,
  { now, randomBytes }: Surroundings,
  { name, extensions, keys: own, notAfter = NO_END }: Wanted,
): Promise<Certified> {
  const keys = own ?? (await newKeys('P-384'));
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const subject = `CN=${name}, ${ORGANIZATION}`;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: toHex(serial),
      subject,
      issuer: issuer?.certificate.subject ?? subject,
      notBefore: new Date(now() - DAY_MS),
      notAfter,
      signingAlgorithm: SIGNING,
      publicKey: keys.publicKey,
      signingKey: issuer?.keys.privateKey ?? keys.privateKey,
      extensions: [...extensions],
    },
    webcrypto,
  );
  return { certificate, keys };
}

function newKeys(namedCurve: string): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
}
