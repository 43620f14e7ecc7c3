import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import { findAnchor } from '../anchor.ts';
import { attempt } from '../malformed.ts';
import type { Platform } from '../platforms.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { nameText } from '../x509/name.ts';
import type { PathRules } from '../x509/path.ts';
import { isSelfSigned, validatePath } from '../x509/path.ts';
import { commonName } from './common-name.ts';
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
export type NamedCertificate = Certificate & { readonly subjectText: string };

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
const CHAIN_LENGTH = 3;

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
  // What is missing cannot be told from what could not be read.
  if (unreadable.length > 0) return { reasons: unreadable, leaf: certificates.find(isPck), chain: undefined };
  const { path, reasons: misplaced } = arrange(certificates);
  const [root, authority] = path;
  const leaf = path.at(-1);
  if (root === undefined || leaf === undefined) return { reasons: misplaced, leaf, chain: undefined };
  const rules: PathRules = { atMs: context.atMs, allowed: ['ecdsa-sha256'], crypto: context.crypto };
  const sha256 = toHex(context.crypto.digest('sha256', root.der));
  const anchor = findAnchor(context.anchors, { kind: 'certificate', platform, sha256 });
  const read = attempt(() => readPlatform(leaf));
  const reasons = [
    ...misplaced,
    ...(await validatePath(path, rules)),
    ...(path.length === CHAIN_LENGTH
      ? [...nameReasons(leaf, LEAF_NAMES), ...nameReasons(authority, AUTHORITY_NAMES)]
      : []),
    ...keyReasons(leaf),
    ...(read.kind === 'refused' ? [invalid(`PCK certificate: ${read.reason.detail}`)] : []),
    ...(anchor === undefined ? await foreignReasons(root, sha256, rules) : []),
  ];
  const complete = misplaced.length === 0 && authority !== undefined && read.kind === 'parsed';
  return { reasons, leaf, chain: complete ? { root, authority, leaf, platform: read.value, anchor } : undefined };
}

function readCertificates(ders: readonly Uint8Array[]): {
  certificates: readonly NamedCertificate[];
  reasons: readonly Reason[];
} {
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

interface Arranged {
  readonly path: readonly NamedCertificate[];
  readonly reasons: readonly Reason[];
}

/** The certificates from the root to the leaf, as far as they lead, and what keeps them from being a PCK chain. */
function arrange(certificates: readonly NamedCertificate[]): Arranged {
  const [leaf, ...furtherLeaves] = certificates.filter(isPck);
  if (leaf === undefined) return { path: [], reasons: [invalid('no certificate among them has the SGX extension')] };
  if (furtherLeaves.length > 0) return { path: [], reasons: [invalid('more than one of them has the SGX extension')] };
  const path = [leaf];
  const left = certificates.filter((other) => other !== leaf);
  for (let top = leaf; !equalBytes(top.issuer, top.subject); ) {
    const { issuer } = top;
    const at = left.findIndex(({ subject }) => equalBytes(subject, issuer));
    const [next] = at < 0 ? [] : left.splice(at, 1);
    if (next === undefined) break;
    path.unshift(next);
    top = next;
  }
  const reasons: Reason[] = [];
  if (path.length !== CHAIN_LENGTH) {
    const wanted = `${CHAIN_LENGTH}: root, CA, PCK certificate`;
    reasons.push({ ...invalid('the certificates are no whole PCK chain'), found: `${path.length}`, wanted });
  }
  if (left.length > 0) {
    reasons.push({
      ...invalid('certificates that are no part of the PCK chain'),
      found: `${left.length}`,
      wanted: '0',
    });
  }
  return { path, reasons };
}

function readCertificate(der: Uint8Array): NamedCertificate {
  const certificate = parseCertificate(der);
  return { ...certificate, subjectText: nameText(certificate.subject) };
}

function isPck({ extensions }: Certificate): boolean {
  return extensions.values.has(SGX_EXTENSION);
}

function readPlatform({ extensions }: Certificate): SgxExtension {
  return parseSgxExtension(extensions.values.get(SGX_EXTENSION) ?? new Uint8Array(0));
}

function nameReasons(certificate: Certificate | undefined, names: readonly string[]): readonly Reason[] {
  if (certificate === undefined) return [];
  const name = attempt(() => commonName(certificate.subject));
  if (name.kind === 'parsed' && name.value !== undefined && names.includes(name.value)) return [];
  return [{ ...invalid('a certificate has another common name than its place asks for'), wanted: names.join(' or ') }];
}

function keyReasons({ key }: Certificate): readonly Reason[] {
  return key.kind === 'p256' ? [] : [{ code: 'ALG_NOT_ALLOWED', detail: 'the PCK is not on curve P-256' }];
}

/** The pin vouches for every byte of a known root. An unknown one's own signature tells an altered root from a foreign one. */
async function foreignReasons(root: Certificate, sha256: string, rules: PathRules): Promise<readonly Reason[]> {
  const untrusted: Reason = {
    code: 'CHAIN_UNTRUSTED_ROOT',
    detail: 'the PCK chain does not end in a trusted root',
    found: sha256,
  };
  return (await isSelfSigned(root, rules))
    ? [untrusted]
    : [invalid('the root certificate is not signed by itself'), untrusted];
}

function invalid(detail: string): Reason {
  return { code: 'CHAIN_INVALID', detail };
}
