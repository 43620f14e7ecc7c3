import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { certify, derOf, fingerprintOf, nameAround, serialNumber } from '../certify.ts';
import type { Surroundings } from '../surroundings.ts';
import type { TokenKey } from './jws.ts';

/** The keys of an emulated Confidential Space PKI, and the certificate of its root. */
export interface GooglePki {
  readonly root: x509.X509Certificate;
  /** SHA-256 of the root's DER, lower-case hex: what a policy names to accept it. */
  readonly sha256: string;
  readonly keys: Readonly<Record<Place, webcrypto.CryptoKeyPair>>;
}

/** A certificate's place in the chain. */
export type Place = 'root' | 'intermediate' | 'leaf';

/** A chain as a token carries it, and the key that signs tokens. */
export interface GoogleChain {
  /** DER, leaf first, root last. */
  readonly certificates: readonly Uint8Array[];
  readonly signer: TokenKey;
}

/** How a test bends a chain; everything left out is as Google does it. */
export interface GoogleChainOptions {
  /** The instant around which the validity of everything below the root is laid, ms since 1970. */
  readonly atMs: number;
  readonly leafValidMs?: number;
  readonly intermediateIsCa?: boolean;
  /** Key usage of the leaf, which Google leaves out. */
  readonly leafUsage?: 'digitalSignature' | 'keyEncipherment';
  /** Hash of the leaf's signature. */
  readonly leafHash?: string;
}

/** Every key and signature of the chain: RSASSA-PKCS1-v1_5 with SHA-256. Google's authorities have longer keys. */
export const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const;

const DAY_MS = 86_400_000;
const ROOT_VALID_MS = 10 * 365 * DAY_MS;
const INTERMEDIATE_VALID_MS = 3 * 365 * DAY_MS;
const LEAF_VALID_MS = 60 * DAY_MS;
const CLOCK_SKEW_MS = 5 * 60_000;
const AUTHORITY_USAGE = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;

/** New keys and a new root. */
export async function createGooglePki(surroundings: Surroundings): Promise<GooglePki> {
  const [root, intermediate, leaf] = await Promise.all([newKeys(), newKeys(), newKeys()]);
  const nowMs = surroundings.now();
  const certificate = await certify({
    subject: nameOf('root'),
    issuer: nameOf('root'),
    serial: serialNumber(surroundings),
    validMs: [nowMs - DAY_MS, nowMs + ROOT_VALID_MS],
    extensions: [...authority(), await x509.SubjectKeyIdentifierExtension.create(root.publicKey, false, webcrypto)],
    publicKey: root.publicKey,
    signingKey: root.privateKey,
    signing: RSA,
  });
  return googlePki(certificate, { root, intermediate, leaf });
}

/** The PKI of a root and its keys. */
export function googlePki(root: x509.X509Certificate, keys: GooglePki['keys']): GooglePki {
  return { root, sha256: fingerprintOf({ certificate: root }), keys };
}

/** Fresh certificates of the intermediate and the leaf under the root of `pki`. */
export async function issueGoogleChain(
  pki: GooglePki,
  options: GoogleChainOptions,
  surroundings: Surroundings,
): Promise<GoogleChain> {
  const { keys } = pki;
  const { atMs, leafValidMs = LEAF_VALID_MS, intermediateIsCa = true, leafUsage, leafHash = RSA.hash } = options;
  const intermediate = await issue(keys.root, surroundings, {
    names: ['intermediate', 'root'],
    publicKey: keys.intermediate.publicKey,
    validMs: [atMs - DAY_MS, atMs + INTERMEDIATE_VALID_MS],
    extensions: intermediateIsCa ? authority() : [new x509.BasicConstraintsExtension(false, undefined, true)],
    hash: RSA.hash,
  });
  const leaf = await issue(keys.intermediate, surroundings, {
    names: ['leaf', 'intermediate'],
    publicKey: keys.leaf.publicKey,
    validMs: [atMs - CLOCK_SKEW_MS, atMs - CLOCK_SKEW_MS + leafValidMs],
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...(leafUsage === undefined ? [] : [new x509.KeyUsagesExtension(x509.KeyUsageFlags[leafUsage], true)]),
    ],
    hash: leafHash,
  });
  return {
    certificates: [leaf, intermediate, pki.root].map((certificate) => derOf({ certificate })),
    signer: {
      algorithm: 'RS256',
      privateKey: KeyObject.from(keys.leaf.privateKey),
      publicKey: KeyObject.from(keys.leaf.publicKey),
    },
  };
}

interface Issued {
  readonly names: readonly [subject: Place, issuer: Place];
  readonly publicKey: webcrypto.CryptoKey;
  /** Not before, not after; milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  readonly extensions: readonly x509.Extension[];
  readonly hash: string;
}

async function issue(
  issuer: webcrypto.CryptoKeyPair,
  surroundings: Surroundings,
  issued: Issued,
): Promise<x509.X509Certificate> {
  // A key of WebCrypto is bound to one hash.
  const algorithm = { ...RSA, hash: issued.hash };
  const signingKey = KeyObject.from(issuer.privateKey).toCryptoKey(algorithm, true, ['sign']);
  return certify({
    subject: nameOf(issued.names[0]),
    issuer: nameOf(issued.names[1]),
    serial: serialNumber(surroundings),
    validMs: issued.validMs,
    extensions: issued.extensions,
    publicKey: issued.publicKey,
    signingKey,
    signing: algorithm,
  });
}

function authority(): readonly x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(AUTHORITY_USAGE, true),
  ];
}

function nameOf(place: Place): string {
  return nameAround(`EMULATED Confidential Space ${place}`);
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
}
