import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { type LeafKind, SPL_OIDS } from '#shared/attestation/sev-snp/certificates.ts';
import type { SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import { type Tcb, tcbLayout } from '#shared/attestation/sev-snp/tcb.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { der } from '../der.ts';
import type { Surroundings } from '../surroundings.ts';
import {
  AMD_SIGNING,
  type AmdCertificate,
  type Extension,
  emulatedName,
  spkiOf,
  writeAmdCertificate,
} from './certificate.ts';
import type { AmdAuthority, AmdHierarchy } from './hierarchy.ts';

/** How a chip or provider's key is to be certified. */
export interface SnpLeafOptions {
  /** VCEK when left out. */
  readonly kind?: LeafKind;
  /** The firmware that the key is for. */
  readonly tcb?: Tcb;
  /** 64 bytes, or 8 on Turin. */
  readonly hwId?: Uint8Array;
  /** How a test bends the certificate before it is signed. */
  readonly bend?: (fields: AmdCertificate) => Partial<AmdCertificate>;
}

/** One emulated chip, or a provider's key in it, and all that endorses it. */
export interface SnpChip {
  readonly hierarchy: AmdHierarchy;
  readonly kind: LeafKind;
  readonly tcb: Tcb;
  readonly hwId: Uint8Array;
  /** DER of the certificate of the key that signs reports. */
  readonly certificate: Uint8Array;
  readonly key: KeyObject;
}

const YEAR_MS = 365 * 86_400_000;
const HOUR_MS = 3_600_000;
const VALID_MS: Readonly<Record<LeafKind, number>> = { VCEK: 7 * YEAR_MS, VLEK: YEAR_MS };
const CSP_ID = 'CN=EMULATED provider';
const AMD = '1.3.6.1.4.1.3704.1';

/** The firmware of an emulated chip when nobody says which. */
const EMULATED_TCB: Readonly<Record<SnpProduct, Tcb>> = {
  Milan: { bootloader: 4, tee: 0, snp: 24, microcode: 219 },
  Genoa: { bootloader: 10, tee: 0, snp: 23, microcode: 84 },
  Turin: { fmc: 1, bootloader: 3, tee: 2, snp: 5, microcode: 97 },
};

/** A chip with a fresh key under `hierarchy`. */
export function issueSnpChip(
  hierarchy: AmdHierarchy,
  surroundings: Surroundings,
  options: SnpLeafOptions = {},
): SnpChip {
  const { product } = hierarchy;
  const { kind = 'VCEK', tcb = EMULATED_TCB[product] } = options;
  const hwId = options.hwId ?? surroundings.randomBytes(product === 'Turin' ? 8 : 64);
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const issuer = authorityOver(kind, hierarchy);
  const plain: AmdCertificate = {
    algorithm: AMD_SIGNING.algorithm,
    // AMD gives no numbers to these.
    serial: Uint8Array.of(0),
    issuer: issuer.subject,
    subject: emulatedName(`SEV-${kind}`),
    validMs: [surroundings.now() - HOUR_MS, surroundings.now() + VALID_MS[kind]],
    spki: spkiOf(key),
    extensions: leafExtensions(product, { kind, tcb, hwId }),
    signingKey: issuer.key,
  };
  return { hierarchy, kind, tcb, hwId, certificate: writeAmdCertificate({ ...plain, ...options.bend?.(plain) }), key };
}

/** The authority that signs certificates of `kind`. */
function authorityOver(kind: LeafKind, { ask, asvk }: AmdHierarchy): AmdAuthority {
  return kind === 'VCEK' ? ask : asvk;
}

/** What AMD writes into a leaf certificate (AMD 57230). */
function leafExtensions(
  product: SnpProduct,
  { kind, tcb, hwId }: Pick<SnpChip, 'kind' | 'tcb' | 'hwId'>,
): readonly Extension[] {
  const integer = (id: string, value: number): Extension => uncritical(id, der(0x02, unsigned(value)));
  const text = (id: string, value: string): Extension => uncritical(id, der(0x16, utf8(value)));
  return [
    integer(`${AMD}.1`, product === 'Turin' ? 1 : 0),
    text(`${AMD}.2`, product === 'Milan' && kind === 'VCEK' ? 'Milan-B0' : product),
    ...tcbLayout(product).map(({ component, extension }) =>
      integer(SPL_OIDS[extension], component === 'reserved' ? 0 : (tcb[component] ?? 0)),
    ),
    kind === 'VCEK' ? uncritical(`${AMD}.4`, hwId) : text(`${AMD}.5`, CSP_ID),
  ];
}

function uncritical(id: string, value: Uint8Array): Extension {
  return { oid: id, critical: false, value };
}

/** Content octets of a small number, with a sign octet where DER wants one. */
function unsigned(value: number): Uint8Array {
  return value < 0x80 ? Uint8Array.of(value) : Uint8Array.of(0, value);
}

/** The certificates under which a chip's reports verify, leaf first, and the given revocation lists. */
export function endorsementsOf(chip: SnpChip, crls: readonly Uint8Array[] = []): readonly Endorsement[] {
  const { hierarchy, kind, certificate } = chip;
  const certificates = [certificate, authorityOver(kind, hierarchy).certificate, hierarchy.ark.certificate];
  return [
    ...certificates.map((bytes) => ({ kind: 'certificate', bytes }) as const),
    ...crls.map((bytes) => ({ kind: 'crl', bytes }) as const),
  ];
}
