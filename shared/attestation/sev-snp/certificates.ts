import { textOf } from '../../bytes/bytes.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { readSmallInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';
import type { Certificate } from '../x509/certificate.ts';
import { commonName } from '../x509/common-name.ts';
import type { SnpProduct } from './product.ts';
import { productOfName, SNP_PRODUCTS } from './product.ts';
import type { SplName } from './tcb.ts';

/** Kinds of key that sign reports: of the chip, or lent to a cloud provider. */
export type LeafKind = 'VCEK' | 'VLEK';

/** The certificate of a key that signs reports, with the extensions that AMD defines (AMD 57230). */
export interface SnpLeaf {
  readonly certificate: Certificate;
  /** By the subject's common name; `undefined` for another name. */
  readonly kind: LeafKind | undefined;
  readonly structVersion: number | undefined;
  readonly productName: string | undefined;
  readonly product: SnpProduct | undefined;
  /** The firmware that the key was derived for. */
  readonly spls: ReadonlyMap<SplName, number>;
  /** The chip, 64 bytes or, from Turin on, 8. Not on a VLEK. */
  readonly hwId: Uint8Array | undefined;
  /** The cloud provider. Not on a VCEK. */
  readonly cspId: string | undefined;
}

const AMD = '1.3.6.1.4.1.3704.1';
const STRUCT_VERSION = `${AMD}.1`;
const PRODUCT_NAME = `${AMD}.2`;
const HW_ID = `${AMD}.4`;
const CSP_ID = `${AMD}.5`;

/** OID of each extension that holds a component of the TCB. */
export const SPL_OIDS: Readonly<Record<SplName, string>> = {
  blSPL: `${AMD}.3.1`,
  teeSPL: `${AMD}.3.2`,
  snpSPL: `${AMD}.3.3`,
  spl4: `${AMD}.3.4`,
  spl5: `${AMD}.3.5`,
  spl6: `${AMD}.3.6`,
  spl7: `${AMD}.3.7`,
  ucodeSPL: `${AMD}.3.8`,
  fmcSPL: `${AMD}.3.9`,
};

/** Every one of them, in the order of AMD's table. */
const SPL_NAMES = [
  'fmcSPL',
  'blSPL',
  'teeSPL',
  'snpSPL',
  'spl4',
  'spl5',
  'spl6',
  'spl7',
  'ucodeSPL',
] as const satisfies readonly SplName[];

const KINDS: Readonly<Record<string, LeafKind>> = { 'SEV-VCEK': 'VCEK', 'SEV-VLEK': 'VLEK' };

/** Lengths of a chip's identifier: Milan and Genoa, Turin. */
const HW_ID_BYTES: readonly number[] = [64, 8];

/** Reads what AMD has put into a leaf certificate. What is absent stays `undefined`. Throws `MalformedInput`. */
export function readLeaf(certificate: Certificate): SnpLeaf {
  const { values } = certificate.extensions;
  const productName = mapped(values.get(PRODUCT_NAME), asText);
  const name = commonName(certificate.subject) ?? '';
  return {
    certificate,
    kind: Object.hasOwn(KINDS, name) ? KINDS[name] : undefined,
    structVersion: mapped(values.get(STRUCT_VERSION), asInteger),
    productName,
    product: mapped(productName, productOfName),
    spls: new Map(
      SPL_NAMES.flatMap((spl) => {
        const value = mapped(values.get(SPL_OIDS[spl]), asInteger);
        return value === undefined ? [] : [[spl, value] as const];
      }),
    ),
    hwId: mapped(values.get(HW_ID), asHwId),
    cspId: mapped(values.get(CSP_ID), asText),
  };
}

function mapped<T, U>(value: T | undefined, read: (value: T) => U): U | undefined {
  return value === undefined ? undefined : read(value);
}

function asInteger(value: Uint8Array): number {
  const reader = new DerReader(value, 'AMD certificate extension');
  const number = readSmallInteger(reader);
  reader.end();
  return number;
}

function asText(value: Uint8Array): string {
  const reader = new DerReader(value, 'AMD certificate extension');
  const { content } = reader.expect(TAG.ia5String);
  reader.end();
  const text = textOf(content);
  if (text === undefined || content.some((byte) => byte < 0x20 || byte > 0x7e)) {
    return malformed('AMD certificate extension whose text is not printable ASCII');
  }
  return text;
}

/** The bytes stand there bare, although every other extension holds DER; newer issuers may wrap them. */
function asHwId(value: Uint8Array): Uint8Array {
  if (HW_ID_BYTES.includes(value.length)) return value;
  const reader = new DerReader(value, 'hwID');
  const { content } = reader.expect(TAG.octetString);
  reader.end();
  return HW_ID_BYTES.includes(content.length) ? content : malformed(`hwID of ${content.length} bytes`);
}

/** Which key an authority of AMD's hierarchy has, by its common name. */
export type AuthorityRole =
  | { readonly role: 'root'; readonly product: SnpProduct }
  | { readonly role: LeafKind; readonly product: SnpProduct };

/**
 * `ARK-Milan` is Milan's root, `SEV-Milan` its authority over VCEKs, `SEV-VLEK-Milan` that over VLEKs; `undefined` for
 * any other name. Throws `MalformedInput`.
 */
export function authorityRole(certificate: Certificate): AuthorityRole | undefined {
  const name = commonName(certificate.subject);
  for (const product of SNP_PRODUCTS) {
    if (name === `ARK-${product}`) return { role: 'root', product };
    if (name === `SEV-${product}`) return { role: 'VCEK', product };
    if (name === `SEV-VLEK-${product}`) return { role: 'VLEK', product };
  }
  return undefined;
}
