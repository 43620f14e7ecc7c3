import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Concern } from '../claims.ts';
import { DerReader, TAG } from '../der/reader.ts';
import { readSmallInteger, readUnsignedInteger } from '../der/values.ts';
import { malformed } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import { signatureScheme } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { SERIAL_BYTES_MAX } from './certificate.ts';
import type { Extension } from './extensions.ts';
import { readExtensionList } from './extensions.ts';
import { nameText } from './name.ts';
import type { PathRules } from './path.ts';
import type { Signed } from './signed.ts';
import { parseSigned } from './signed.ts';
import { readTime, timeText } from './time.ts';

/** A parsed X.509 v2 certificate revocation list that covers every certificate of its issuer. */
export interface Crl extends Signed {
  /** Name of the authority as it is encoded, and for people to read. */
  readonly issuer: Uint8Array;
  readonly issuerText: string;
  /** When it was made, and the last second before its successor is due; ms since 1970. */
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  /** Content octets of each revoked serial number, in lower-case hex; DER gives every number one such text. */
  readonly revoked: ReadonlySet<string>;
  /** The CRL number in hex of its content octets; `undefined` where the authority leaves it out. */
  readonly number: string | undefined;
}

/** Bounds of ours; the longest list of any supported vendor has 57 entries in 3355 bytes. */
const CRL_LIMITS = { bytes: 48 * 1024, entries: 2048 } as const;

/** RFC 5280 section 5.2.3: up to 20 octets, one more for the sign. */
const MAX_NUMBER_BYTES = 21;
const CRL_NUMBER = '2.5.29.20';

/**
 * Extensions under which a list does not speak for all certificates of its issuer, whether they are marked critical or
 * not: deltaCRLIndicator and issuingDistributionPoint (RFC 5280 sections 5.2.4, 5.2.5).
 */
const PARTIAL: readonly string[] = ['2.5.29.27', '2.5.29.28'];

/** Parses one DER CertificateList that fills `der` (RFC 5280 section 5.1). Throws `MalformedInput`. */
export function parseCrl(der: Uint8Array): Crl {
  const named = { what: 'revocation list', tbs: 'tbsCertList', bytesMax: CRL_LIMITS.bytes };
  return parseSigned(der, named, parseBody);
}

function parseBody(tbs: DerReader) {
  if (readSmallInteger(tbs) !== 1) malformed('revocation list that is not X.509 v2');
  const algorithmEncoding = tbs.expect(TAG.sequence).encoding;
  const issuer = tbs.expect(TAG.sequence).encoding;
  const thisUpdateMs = readTime(tbs);
  // RFC 5280 section 5.1.2.5 requires nextUpdate; without it a reader fails on the tag of what follows.
  const nextUpdateMs = readTime(tbs);
  if (nextUpdateMs < thisUpdateMs) malformed('revocation list whose next update is before this one');
  const entries = tbs.optional(TAG.sequence);
  const revoked = entries === undefined ? new Set<string>() : readEntries(new DerReader(entries.content, 'revoked'));
  const number = tbs.peek === undefined ? undefined : readListExtensions(tbs.enter(0xa0, 'CRL extensions'));
  tbs.end();
  return { algorithmEncoding, issuer, issuerText: nameText(issuer), thisUpdateMs, nextUpdateMs, revoked, number };
}

function readEntries(list: DerReader): ReadonlySet<string> {
  const revoked = new Set<string>();
  while (list.peek !== undefined) {
    if (revoked.size === CRL_LIMITS.entries) malformed(`revocation list of more than ${CRL_LIMITS.entries} entries`);
    const entry = list.enter(TAG.sequence, 'revoked certificate');
    const serial = readUnsignedInteger(entry);
    if (serial.length > SERIAL_BYTES_MAX) malformed(`revoked serial number of ${serial.length} octets`);
    readTime(entry);
    // Among these is certificateIssuer (RFC 5280 section 5.3.3), which would give the entry to another authority.
    if (entry.peek !== undefined) refuseCritical(readExtensionList(entry));
    entry.end();
    const text = toHex(serial);
    if (revoked.has(text)) malformed('revocation list that names a serial number twice');
    revoked.add(text);
  }
  return revoked;
}

function readListExtensions(wrapped: DerReader): string | undefined {
  const extensions = readExtensionList(wrapped);
  wrapped.end();
  const partial = PARTIAL.find((oid) => extensions.has(oid));
  if (partial !== undefined) malformed(`revocation list of part of the certificates (extension ${partial})`);
  refuseCritical(extensions);
  const number = extensions.get(CRL_NUMBER);
  if (number === undefined) return undefined;
  const reader = new DerReader(number.value, 'CRL number');
  const octets = readUnsignedInteger(reader);
  reader.end();
  if (octets.length > MAX_NUMBER_BYTES) malformed(`CRL number of ${octets.length} octets`);
  return toHex(octets);
}

/** RFC 5280 sections 5.2 and 5.3: a list with a critical extension that is not understood must not be used. */
function refuseCritical(extensions: ReadonlyMap<string, Extension>): void {
  for (const [oid, { critical }] of extensions) {
    if (critical) malformed(`revocation list with the critical extension ${oid}, which is not understood`);
  }
}

/** What came of verifying a list: `concerns` holds what a policy may tolerate. */
export interface CrlVerification {
  readonly reasons: readonly Reason[];
  readonly concerns: readonly Concern[];
}

/**
 * Verifies a list against the certificate of its authority (RFC 5280 section 6.3.3): name, key usage, signature with
 * an algorithm of `rules`, and the span in which it is current. All failures are listed. Whether `issuer` is itself
 * trusted is for {@link validatePath}.
 */
export async function verifyCrl(crl: Crl, issuer: Certificate, rules: PathRules): Promise<CrlVerification> {
  const list = `the revocation list of ${crl.issuerText}`;
  const reasons: Reason[] = [];
  if (!equalBytes(crl.issuer, issuer.subject)) {
    reasons.push({ code: 'CRL_INVALID', detail: `${list} is not by the authority that it came for` });
  }
  // RFC 5280 section 4.2.1.3: an authority without the extension is not restricted.
  if (issuer.extensions.keyUsage?.crlSign === false) {
    reasons.push({ code: 'CRL_INVALID', detail: `${list} is by an authority whose key usage lacks cRLSign` });
  }
  reasons.push(...(await signatureReasons(crl, issuer, rules)));
  const found = timeText(rules.atMs);
  if (rules.atMs < crl.thisUpdateMs) {
    const wanted = `from ${timeText(crl.thisUpdateMs)}`;
    reasons.push({ code: 'CRL_NOT_YET_VALID', detail: `${list} is not valid yet`, found, wanted });
  }
  // As with certificates, the last moment stands for a whole second.
  if (rules.atMs < crl.nextUpdateMs + 1000) return { reasons, concerns: [] };
  const wanted = `until ${timeText(crl.nextUpdateMs)}`;
  const detail = `${list} is past its next update`;
  return { reasons, concerns: [{ code: 'CRL_EXPIRED', detail, found, wanted, endedMs: crl.nextUpdateMs }] };
}

async function signatureReasons(crl: Crl, issuer: Certificate, rules: PathRules): Promise<readonly Reason[]> {
  const list = `the revocation list of ${crl.issuerText}`;
  const scheme = signatureScheme(crl.signatureAlgorithm, issuer.key, rules.allowed);
  if (scheme === undefined) {
    const detail = `${list} is signed with an algorithm or key that is not allowed`;
    return [{ code: 'CRL_INVALID', detail, found: crl.signatureAlgorithm.oid, wanted: rules.allowed.join(' or ') }];
  }
  const held = await rules.crypto.verifyCertificateSignature(scheme, issuer.key.spki, crl.signature, crl.tbs);
  return held ? [] : [{ code: 'CRL_INVALID', detail: `${list} is not signed by its authority` }];
}

/**
 * Whether a list revokes a certificate. False for one by another authority, of which the list says nothing: the caller
 * chooses the list of the certificate's issuer.
 */
export function isRevoked(crl: Crl, certificate: Certificate): boolean {
  return equalBytes(crl.issuer, certificate.issuer) && crl.revoked.has(toHex(certificate.serial));
}
