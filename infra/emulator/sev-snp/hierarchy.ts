import { createHash, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { crlFields, writeCrl } from '../crl.ts';
import type { Surroundings } from '../surroundings.ts';
import {
  AMD_SIGNING,
  type AmdCertificate,
  authorityExtensions,
  emulatedName,
  pssKey,
  spkiOf,
  writeAmdCertificate,
} from './certificate.ts';

/** Private RSA keys of one product's authorities. Slow to make, so they are kept and may be shared. */
export interface AmdKeys {
  readonly ark: KeyObject;
  readonly ask: KeyObject;
  readonly asvk: KeyObject;
}

/** An authority: its certificate and what it signs with. */
export interface AmdAuthority {
  readonly certificate: Uint8Array;
  /** Name, in DER. */
  readonly subject: Uint8Array;
  readonly serial: Uint8Array;
  readonly key: KeyObject;
}

/** The emulated authorities of one product: root, and below it those over VCEKs and over VLEKs. */
export interface AmdHierarchy {
  readonly product: SnpProduct;
  readonly ark: AmdAuthority;
  readonly ask: AmdAuthority;
  readonly asvk: AmdAuthority;
  /** SHA-256 of the root's certificate, lower-case hex: what a policy names to accept it. */
  readonly sha256: string;
}

/** How a test bends an authority's certificate before it is signed. */
export type AmdBends = Readonly<Partial<Record<keyof AmdKeys, (fields: AmdCertificate) => Partial<AmdCertificate>>>>;

/** AMD's own keys have 4096 bits. These protect nothing, and shorter ones are made many times faster. */
const MODULUS_BITS = 2048;
const YEAR_MS = 365 * 86_400_000;
const VALID_MS = 25 * YEAR_MS;
const HOUR_MS = 3_600_000;
/** keyCertSign and cRLSign, keyCertSign alone: as AMD has them. */
const ROOT_USAGE = 0x06;
const AUTHORITY_USAGE = 0x04;
/** AMD numbers them so: 0x10000 for Milan's root, 0x10001 for its ASK, 0x10101 for its ASVK. */
const SERIALS = { ark: 0x0000, ask: 0x0001, asvk: 0x0101 } as const;
const PRODUCT_NUMBERS: Readonly<Record<SnpProduct, number>> = { Milan: 1, Genoa: 2, Turin: 3 };

/** New keys. */
export async function generateAmdKeys(): Promise<AmdKeys> {
  const [ark, ask, asvk] = await Promise.all([generateKey(), generateKey(), generateKey()]);
  return { ark, ask, asvk };
}

async function generateKey(): Promise<KeyObject> {
  return (await promisify(generateKeyPair)('rsa', { modulusLength: MODULUS_BITS })).privateKey;
}

/** Certificates for `keys`, in the shape of AMD's. */
export function createAmdHierarchy(
  product: SnpProduct,
  keys: AmdKeys,
  { now }: Pick<Surroundings, 'now'>,
  bends: AmdBends = {},
): AmdHierarchy {
  const names = {
    ark: emulatedName(`ARK-${product}`),
    ask: emulatedName(`SEV-${product}`),
    asvk: emulatedName(`SEV-VLEK-${product}`),
  };
  const issue = (who: keyof AmdKeys): AmdAuthority => {
    const plain: AmdCertificate = {
      algorithm: AMD_SIGNING.algorithm,
      serial: serialOf(product, who),
      issuer: names.ark,
      subject: names[who],
      validMs: [now() - HOUR_MS, now() + VALID_MS],
      spki: spkiOf(keys[who]),
      extensions: who === 'ark' ? authorityExtensions(undefined, ROOT_USAGE) : authorityExtensions(0, AUTHORITY_USAGE),
      signingKey: keys.ark,
    };
    const fields = { ...plain, ...bends[who]?.(plain) };
    return { certificate: writeAmdCertificate(fields), subject: fields.subject, serial: fields.serial, key: keys[who] };
  };
  return withFingerprint({ product, ark: issue('ark'), ask: issue('ask'), asvk: issue('asvk') });
}

/** `hierarchy` with the fingerprint of its root. */
export function withFingerprint(hierarchy: Omit<AmdHierarchy, 'sha256'>): AmdHierarchy {
  return { ...hierarchy, sha256: toHex(createHash('sha256').update(hierarchy.ark.certificate).digest()) };
}

function serialOf(product: SnpProduct, who: keyof AmdKeys): Uint8Array {
  const number = SERIALS[who];
  return Uint8Array.of(PRODUCT_NUMBERS[product], number >> 8, number & 0xff);
}

/** What a revocation list of AMD is to say. */
export interface AmdCrl {
  /** Content octets of the serial numbers that it revokes. */
  readonly revoked?: readonly Uint8Array[];
  /** This and next update, milliseconds since 1970. */
  readonly validMs: readonly [number, number];
  /** Signs in the place of the issuer's key. */
  readonly signingKey?: KeyObject;
}

/** DER of a revocation list by `issuer`; AMD's are by the root. */
export function mintAmdCrl(issuer: AmdAuthority, { signingKey = issuer.key, ...list }: AmdCrl): Uint8Array {
  return writeCrl(crlFields({ ...AMD_SIGNING, issuer: issuer.subject, ...list }), pssKey(signingKey));
}
