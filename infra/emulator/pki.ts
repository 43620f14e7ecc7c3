import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import {
  type Certified,
  certify,
  derOf,
  type EmulatorRoot,
  nameAround,
  newEcKeys,
  serialNumber,
  withFingerprint,
} from './certify.ts';
import type { Surroundings } from './surroundings.ts';

/** The chain of one emulated instance: what a document carries, and the key that signs it. */
export interface Chain {
  /** DER, root first: the order of `cabundle`. */
  readonly cabundle: readonly Uint8Array[];
  /** DER of the leaf. */
  readonly certificate: Uint8Array;
  readonly leafKey: webcrypto.CryptoKey;
  /** Milliseconds since 1970 at which the leaf ends. */
  readonly notAfterMs: number;
}

/** How a test bends a chain; everything left out is as AWS does it. */
export interface ChainOptions {
  readonly moduleId: string;
  /** The instant around which the validity of everything below the root is laid. */
  readonly atMs: number;
  readonly leafValidMs?: number;
  /** Whether the intermediates are certificate authorities. */
  readonly intermediatesAreCa?: boolean;
  /** Path length that the zonal intermediate allows below itself; 1 is what the chain needs. */
  readonly zonalPathLength?: number;
}

/** Every signature of the chain: ECDSA on P-384 with SHA-384. */
export const SIGNING = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as const;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ROOT_VALID_MS = 30 * 365 * DAY_MS;
const ZONAL_VALID_MS = 6 * DAY_MS;
const INSTANCE_VALID_MS = DAY_MS;
/** What AWS gives a leaf: three hours, of which a little lies in the past. */
export const LEAF_VALID_MS = 3 * HOUR_MS;
const CLOCK_SKEW_MS = 5 * 60_000;
const ROOT_NAME = nameAround('EMULATED nitro-enclaves root');

/** A new self-signed P-384 root. */
export async function createRoot(surroundings: Surroundings): Promise<EmulatorRoot> {
  const keys = await newEcKeys(SIGNING.namedCurve);
  const nowMs = surroundings.now();
  const certificate = await certify({
    subject: ROOT_NAME,
    issuer: ROOT_NAME,
    serial: serialNumber(surroundings),
    validMs: [nowMs - HOUR_MS, nowMs + ROOT_VALID_MS],
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      new x509.KeyUsagesExtension(AUTHORITY_USAGES, true),
    ],
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signing: SIGNING,
  });
  return withFingerprint({ certificate, keys });
}

/** Zonal and instance intermediates and a leaf under `root`, all with fresh keys. */
export async function issueChain(
  root: EmulatorRoot,
  options: ChainOptions,
  surroundings: Surroundings,
): Promise<Chain> {
  const isCa = options.intermediatesAreCa ?? true;
  const zonal = await issue(root, surroundings, {
    name: 'zonal.nitro-enclaves',
    validMs: [options.atMs - HOUR_MS, options.atMs + ZONAL_VALID_MS],
    extensions: authority(isCa, options.zonalPathLength ?? 1),
  });
  const instance = await issue(zonal, surroundings, {
    name: `${options.moduleId.split('-enc')[0]}.nitro-enclaves`,
    validMs: [options.atMs - HOUR_MS, options.atMs + INSTANCE_VALID_MS],
    extensions: authority(isCa, 0),
  });
  const notAfterMs = options.atMs - CLOCK_SKEW_MS + (options.leafValidMs ?? LEAF_VALID_MS);
  const leaf = await issue(instance, surroundings, {
    name: `${options.moduleId}.nitro-enclaves`,
    validMs: [options.atMs - CLOCK_SKEW_MS, notAfterMs],
    extensions: [new x509.BasicConstraintsExtension(false, undefined, true), new x509.KeyUsagesExtension(LEAF_USAGES)],
  });
  return {
    cabundle: [root, zonal, instance].map(derOf),
    certificate: derOf(leaf),
    leafKey: leaf.keys.privateKey,
    notAfterMs,
  };
}

interface Issued {
  /** Common name, without what says that it is emulated. */
  readonly name: string;
  /** Not before, not after; milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  readonly extensions: readonly x509.Extension[];
}

const AUTHORITY_USAGES =
  x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
const LEAF_USAGES = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.nonRepudiation;

function authority(isCa: boolean, pathLength: number): readonly x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(isCa, isCa ? pathLength : undefined, true),
    new x509.KeyUsagesExtension(isCa ? AUTHORITY_USAGES : LEAF_USAGES, true),
  ];
}

async function issue(issuer: Certified, surroundings: Surroundings, issued: Issued): Promise<Certified> {
  const keys = await newEcKeys(SIGNING.namedCurve);
  const certificate = await certify({
    subject: nameAround(`EMULATED ${issued.name}`),
    issuer: issuer.certificate.subject,
    serial: serialNumber(surroundings),
    validMs: issued.validMs,
    extensions: [
      ...issued.extensions,
      await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey, false, webcrypto),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
    ],
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signing: SIGNING,
  });
  return { certificate, keys };
}
