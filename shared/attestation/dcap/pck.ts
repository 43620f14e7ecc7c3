import { equalBytes } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import { pinOf } from '../anchor.ts';
import { attempt } from '../malformed.ts';
import type { Platform } from '../platforms.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { commonName } from '../x509/common-name.ts';
import { nameText } from '../x509/name.ts';
import type { PathRules } from '../x509/path.ts';
import { isSelfIssued, unpinnedRootReasons, validatePath } from '../x509/path.ts';
import type { SgxExtension } from './sgx-extension.ts';
import { parseSgxExtension, SGX_EXTENSION } from './sgx-extension.ts';

/** A provisioning certification key's certificate with the authorities above it, in Intel's hierarchy of three. */
export interface PckChain {
  readonly root: NamedCertificate;
  /** The Platform CA or the Processor CA. */
  readonly authority: NamedCertificate;
  readonly leaf: NamedCertificate;
  /** What the leaf says of the platform. */
  readonly platform: SgxExtension;
  /** The trusted root that the chain ends in; `undefined` when it is none. */
  readonly anchor: Anchor | undefined;
}

/** A certificate whose subject could be read: `subjectText` is for people. */
export type NamedCertificate = Certificate & {
  readonly subjectText: string;
  readonly subjectCommonName: string | undefined;
};

/** What was found out about certificates that came with a quote. */
export interface PckVerification {
  readonly reasons: readonly Reason[];
  /** The PCK certificate, as soon as there is one to verify with. It proves nothing while there are reasons. */
  readonly leaf: Certificate | undefined;
  /** Present when the certificates form one chain whose leaf could be read, whatever else is wrong with it. */
  readonly chain: PckChain | undefined;
}

/** Common names by the PCK certificate profile, sections 1.3.4 and 2.2. The root needs none: it is pinned. */
const LEAF_NAMES: readonly string[] = ['Intel SGX PCK Certificate'];
const AUTHORITY_NAMES: readonly string[] = ['Intel SGX PCK Platform CA', 'Intel SGX PCK Processor CA'];

/**
 * Verifies a PCK chain at the stated time: `ders` in any order, of which every one must have its place in the chain,
 * up to a root that is pinned for `platform`. Revocation is not decided here.
 */
export async function verifyPckChain(
  ders: readonly Uint8Array[],
  platform: Platform,
  context: VerificationContext,
): Promise<PckVerification> {
  const { certificates, reasons: unreadable } = readCertificates(ders);
  const [pck, ...further] = certificates.flatMap(pckIn);
  // What is missing cannot be told from what could not be read.
  if (unreadable.length > 0) return { reasons: unreadable, leaf: pck?.leaf, chain: undefined };
  if (pck === undefined || further.length > 0) {
    const found = `${certificates.flatMap(pckIn).length}`;
    return { reasons: [{ ...invalid('not one certificate with the SGX extension'), found, wanted: '1' }], ...NOTHING };
  }
  const { path, left } = pathTo(pck.leaf, certificates);
  const whole = left.length === 0 ? hierarchyOf(path) : undefined;
  const read = attempt(() => parseSgxExtension(pck.extension));
  const { anchor, reasons: foreign } = await findRoot(path[0], platform, context);
  const reasons = [
    ...placeReasons(path, left),
    ...(await validatePath(path, rulesOf(context))),
    ...nameReasons(pck.leaf, LEAF_NAMES),
    ...(whole === undefined ? [] : nameReasons(whole.authority, AUTHORITY_NAMES)),
    ...keyReasons(pck.leaf),
    ...(read.kind === 'refused' ? [invalid(`PCK certificate: ${read.reason.detail}`)] : []),
    ...foreign,
  ];
  const chain = whole && read.kind === 'parsed' ? { ...whole, platform: read.value, anchor } : undefined;
  return { reasons, leaf: pck.leaf, chain };
}

const NOTHING = { leaf: undefined, chain: undefined };

interface ReadCertificates {
  readonly certificates: readonly NamedCertificate[];
  readonly reasons: readonly Reason[];
}

/** Each certificate once. */
function readCertificates(ders: readonly Uint8Array[]): ReadCertificates {
  const certificates: NamedCertificate[] = [];
  const reasons: Reason[] = [];
  for (const [index, der] of ders.entries()) {
    const parsed = attempt(() => readCertificate(der));
    if (parsed.kind === 'refused') {
      reasons.push(invalid(`certificate ${index + 1} of ${ders.length} that came: ${parsed.reason.detail}`));
    } else if (!certificates.some((known) => equalBytes(known.der, der))) {
      certificates.push(parsed.value);
    }
  }
  return { certificates, reasons };
}

function readCertificate(der: Uint8Array): NamedCertificate {
  const certificate = parseCertificate(der);
  const { subject } = certificate;
  return { ...certificate, subjectText: nameText(subject), subjectCommonName: commonName(subject) };
}

/** A certificate with its SGX extension, when it has one. */
function pckIn(leaf: NamedCertificate) {
  const extension = leaf.extensions.values.get(SGX_EXTENSION);
  return extension === undefined ? [] : [{ leaf, extension }];
}

/** Certificates from the top to the leaf. */
type Path = readonly [NamedCertificate, ...NamedCertificate[]];

/** The path to `leaf` as far as `certificates` lead, and those that are not on it. */
function pathTo(leaf: NamedCertificate, certificates: readonly NamedCertificate[]) {
  let path: Path = [leaf];
  let left = certificates.filter((other) => other !== leaf);
  for (;;) {
    const [top] = path;
    const above = left.find(({ subject }) => equalBytes(subject, top.issuer));
    if (above === undefined || isSelfIssued(top)) return { path, left };
    path = [above, ...path];
    left = left.filter((other) => other !== above);
  }
}

/** Intel's hierarchy of three; `undefined` for a path of another length. */
function hierarchyOf([root, authority, leaf, ...further]: Path) {
  return authority === undefined || leaf === undefined || further.length > 0 ? undefined : { root, authority, leaf };
}

function placeReasons(path: Path, left: readonly NamedCertificate[]): readonly Reason[] {
  const reasons: Reason[] = [];
  if (hierarchyOf(path) === undefined) {
    const wanted = '3: root, CA, PCK certificate';
    reasons.push({ ...invalid('the certificates are no whole PCK chain'), found: `${path.length}`, wanted });
  }
  if (left.length > 0) {
    reasons.push({
      ...invalid('certificates that are no part of the PCK chain'),
      found: `${left.length}`,
      wanted: '0',
    });
  }
  return reasons;
}

function nameReasons({ subjectCommonName: name }: NamedCertificate, names: readonly string[]): readonly Reason[] {
  if (name !== undefined && names.includes(name)) return [];
  return [{ ...invalid('a certificate has another common name than its place asks for'), wanted: names.join(' or ') }];
}

function keyReasons({ key }: Certificate): readonly Reason[] {
  return key.kind === 'p256' ? [] : [{ code: 'ALG_NOT_ALLOWED', detail: 'the PCK is not on curve P-256' }];
}

interface FoundRoot {
  readonly anchor: Anchor | undefined;
  readonly reasons: readonly Reason[];
}

async function findRoot(root: Certificate, platform: Platform, context: VerificationContext): Promise<FoundRoot> {
  const { anchor, sha256 } = pinOf(root.der, platform, context);
  if (anchor !== undefined) return { anchor, reasons: [] };
  const detail = 'the PCK chain does not end in a trusted root';
  const untrusted: Reason = { code: 'CHAIN_UNTRUSTED_ROOT', detail, found: sha256 };
  return { anchor, reasons: [...(await unpinnedRootReasons(root, rulesOf(context))), untrusted] };
}

function rulesOf({ atMs, crypto }: VerificationContext): PathRules {
  return { atMs, allowed: ['ecdsa-sha256'], crypto };
}

function invalid(detail: string): Reason {
  return { code: 'CHAIN_INVALID', detail };
}
