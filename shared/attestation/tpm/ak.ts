import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Anchor, Pin } from '../anchor.ts';
import { findAnchor, pinOf } from '../anchor.ts';
import type { Concern } from '../claims.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { readOid } from '../der/values.ts';
import type { Endorsement } from '../evidence.ts';
import { attempt } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { isRevoked, parseCrl, verifyCrl } from '../x509/crl.ts';
import { nameText } from '../x509/name.ts';
import type { PathRules } from '../x509/path.ts';
import { isSelfIssued, unpinnedRootReasons, validatePath } from '../x509/path.ts';
import type { AttestationKey } from './key.ts';

/** Why an attestation key is trusted: the pin that it, or the chain of its certificate, ends in. */
export interface KeyTrust {
  readonly anchor: Anchor;
  /** The span in which all that was used is valid; ms since 1970. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly concerns: readonly Concern[];
  /** Names of the certificates, the anchor's first; empty for a pinned key. */
  readonly chain: string;
}

/** What came of asking whether a key is trusted. `trust` is `undefined` where no anchor stands behind it. */
export interface KeyTrustVerdict {
  readonly trust: KeyTrust | undefined;
  readonly reasons: readonly Reason[];
}

/** Last second of the year 9999 (RFC 5280 section 4.1.2.5): a pinned key is good for as long as it is pinned. */
const NO_END_MS = 253_402_300_799_000;

/** The longest chain that is followed. */
const PATH_MAX = 6;

const EXTENDED_KEY_USAGE = '2.5.29.37';
/** tcg-kp-AIKCertificate (TCG EK Credential Profile, section 3.5.9): the authority vouches for an attestation key. */
const ATTESTATION_KEY = '2.23.133.8.3';
/** Extensions that may be critical here: that one is read, and subjectAltName names a TPM that nothing depends on. */
const UNDERSTOOD: readonly string[] = [EXTENDED_KEY_USAGE, '2.5.29.17'];

const ALLOWED = [
  'ecdsa-sha256',
  'ecdsa-sha384',
  'rsa-pkcs1-sha256',
  'rsa-pkcs1-sha384',
  'rsa-pkcs1-sha512',
] as const satisfies PathRules['allowed'];

/**
 * Whether `key` is trusted: because an anchor pins it (an enrolled attestation key), or because a certificate for it
 * leads to an anchor of a certificate (an authority that certifies attestation keys).
 */
export async function keyTrust(
  key: Pick<AttestationKey, 'spki'>,
  endorsements: readonly Endorsement[],
  context: VerificationContext,
): Promise<KeyTrustVerdict> {
  const foreign = endorsements.filter(({ kind }) => kind !== 'certificate' && kind !== 'crl');
  if (foreign.length > 0) {
    const found = foreign.map(({ kind }) => kind).join(' ');
    return refused({ code: 'MALFORMED', detail: 'endorsements that a TPM quote has no use for', found });
  }
  const sha256 = toHex(context.crypto.digest('sha256', key.spki));
  const anchor = findAnchor(context.anchors, { kind: 'key', platform: 'tpm-quote', sha256 });
  if (anchor !== undefined) {
    const trust = { anchor, validFromMs: 0, validUntilMs: NO_END_MS, concerns: [], chain: '' };
    return { trust, reasons: [] };
  }
  if (!endorsements.some(({ kind }) => kind === 'certificate')) {
    return refused({
      code: 'KEY_UNKNOWN',
      detail: 'the attestation key is not pinned, and has no certificate',
      found: sha256,
    });
  }
  return chainTrust(key, endorsements, context);
}

async function chainTrust(
  key: Pick<AttestationKey, 'spki'>,
  endorsements: readonly Endorsement[],
  context: VerificationContext,
): Promise<KeyTrustVerdict> {
  const { certificates, crls, reasons } = readEndorsements(endorsements);
  if (reasons.length > 0) return { trust: undefined, reasons };
  const leaf = certificates.find((certificate) => equalBytes(certificate.key.spki, key.spki));
  if (leaf === undefined) {
    return refused({ code: 'ENDORSEMENT_MISSING', detail: 'no certificate came for the attestation key' });
  }
  const pin = ({ der }: Certificate): Pin => pinOf(der, 'tpm-quote', context);
  const path = pathTo(leaf, certificates, (certificate) => pin(certificate).anchor !== undefined);
  const [top = leaf] = path;
  const { anchor, sha256 } = pin(top);
  const rules: PathRules = { atMs: context.atMs, allowed: ALLOWED, crypto: context.crypto };
  const revocation = await revocationOf(path, crls, rules);
  const found = [...usageReasons(path), ...(await validatePath(path.map(understood), rules)), ...revocation.reasons];
  if (anchor === undefined) {
    if (isSelfIssued(top)) found.push(...(await unpinnedRootReasons(top, rules)));
    const detail = 'the chain of the attestation key ends in a certificate that is not trusted';
    found.push({ code: 'CHAIN_UNTRUSTED_ROOT', detail, found: sha256 });
    return { trust: undefined, reasons: found };
  }
  const trust: KeyTrust = {
    anchor,
    validFromMs: Math.max(
      ...path.map(({ notBeforeMs }) => notBeforeMs),
      ...revocation.used.map((crl) => crl.thisUpdateMs),
    ),
    validUntilMs: Math.min(
      ...path.map(({ notAfterMs }) => notAfterMs),
      ...revocation.used.map((crl) => crl.nextUpdateMs),
    ),
    concerns: revocation.concerns,
    chain: path.map(({ subject }) => nameText(subject)).join(' > '),
  };
  return { trust, reasons: found };
}

function refused(reason: Reason): KeyTrustVerdict {
  return { trust: undefined, reasons: [reason] };
}

interface ReadEndorsements {
  readonly certificates: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly reasons: readonly Reason[];
}

function readEndorsements(endorsements: readonly Endorsement[]): ReadEndorsements {
  const certificates: Certificate[] = [];
  const crls: Crl[] = [];
  const reasons: Reason[] = [];
  for (const [index, { kind, bytes }] of endorsements.entries()) {
    const place = `endorsement ${index + 1} of ${endorsements.length}`;
    if (kind === 'certificate') {
      const read = attempt(() => named(parseCertificate(bytes)));
      if (read.kind === 'parsed') certificates.push(read.value);
      else reasons.push({ code: 'CHAIN_INVALID', detail: `${place}: ${read.reason.detail}` });
    } else {
      const read = attempt(() => parseCrl(bytes));
      if (read.kind === 'parsed') crls.push(read.value);
      else reasons.push({ code: 'CRL_INVALID', detail: `${place}: ${read.reason.detail}` });
    }
  }
  return { certificates, crls, reasons };
}

/** Reads the names too, so that what they hold is refused here and not where they are shown. */
function named(certificate: Certificate): Certificate {
  nameText(certificate.subject);
  nameText(certificate.issuer);
  return certificate;
}

/** The certificates from the first that is pinned, or has no issuer among `certificates`, down to `leaf`. */
function pathTo(
  leaf: Certificate,
  certificates: readonly Certificate[],
  isPinned: (certificate: Certificate) => boolean,
): readonly Certificate[] {
  const path = [leaf];
  for (let top = leaf; !isPinned(top) && !isSelfIssued(top) && path.length < PATH_MAX; ) {
    const { issuer } = top;
    const issuers = certificates.filter((next) => !path.includes(next) && equalBytes(next.subject, issuer));
    const next = issuers.find(isPinned) ?? issuers[0];
    if (next === undefined) break;
    path.unshift(next);
    top = next;
  }
  return path;
}

/** The certificate without the critical extensions that are read here. */
function understood(certificate: Certificate): Certificate {
  const { extensions } = certificate;
  const unknownCritical = extensions.unknownCritical.filter((oid) => !UNDERSTOOD.includes(oid));
  return { ...certificate, extensions: { ...extensions, unknownCritical } };
}

/**
 * A certificate for an attestation key says so; those above it say so too where they say anything, as usages are taken
 * to narrow on the way down. The anchor's are the policy's own affair.
 */
function usageReasons(path: readonly Certificate[]): readonly Reason[] {
  return path.flatMap((certificate, index): readonly Reason[] => {
    const place = `certificate ${index + 1} of ${path.length}`;
    const isLeaf = index === path.length - 1;
    const value = certificate.extensions.values.get(EXTENDED_KEY_USAGE);
    if (value === undefined ? !isLeaf : index === 0 && !isLeaf) return [];
    const usages = attempt(() => (value === undefined ? [] : readUsages(value)));
    if (usages.kind === 'refused') return [{ code: 'CHAIN_INVALID', detail: `${place}: ${usages.reason.detail}` }];
    if (usages.value.includes(ATTESTATION_KEY)) return [];
    const found = usages.value.join(' ') || 'no extended key usage';
    const detail = `${place} is not one of an attestation key`;
    return [{ code: 'CHAIN_INVALID', detail, found, wanted: ATTESTATION_KEY }];
  });
}

/** ExtKeyUsageSyntax (RFC 5280 section 4.2.1.12). Throws `MalformedInput`. */
function readUsages(value: Uint8Array): readonly string[] {
  const outer = new DerReader(value, 'extended key usage');
  const list = outer.enter(TAG.sequence);
  outer.end();
  const usages: string[] = [];
  while (list.peek !== undefined) usages.push(readOid(list));
  return usages;
}

interface Revocation {
  readonly reasons: readonly Reason[];
  readonly concerns: readonly Concern[];
  readonly used: readonly Crl[];
}

/** Asks for the revocation list of every authority on the path. */
async function revocationOf(path: readonly Certificate[], crls: readonly Crl[], rules: PathRules): Promise<Revocation> {
  const reasons: Reason[] = [];
  const concerns: Concern[] = [];
  const used: Crl[] = [];
  for (const [index, issuer] of path.slice(0, -1).entries()) {
    const crl = crls.find((list) => equalBytes(list.issuer, issuer.subject));
    const certificate = path[index + 1];
    if (crl === undefined) {
      concerns.push({ code: 'CRL_MISSING', detail: `no revocation list came of ${nameText(issuer.subject)}` });
      continue;
    }
    const verdict = await verifyCrl(crl, issuer, rules);
    reasons.push(...verdict.reasons);
    concerns.push(...verdict.concerns);
    used.push(crl);
    if (certificate !== undefined && isRevoked(crl, certificate)) {
      reasons.push({ code: 'CERT_REVOKED', detail: `certificate ${index + 2} of ${path.length} is revoked` });
    }
  }
  return { reasons, concerns, used };
}
