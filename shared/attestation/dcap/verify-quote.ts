import { concat, equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { Concern, TcbVerdict } from '../claims.ts';
import type { Endorsement } from '../evidence.ts';
import { attempt } from '../malformed.ts';
import type { Platform } from '../platforms.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import { isRevoked } from '../x509/crl.ts';
import { ecSpki } from '../x509/spki.ts';
import { splitCertificates } from './certificates.ts';
import type { Collateral } from './collateral.ts';
import { verifyCollateral } from './collateral.ts';
import type { PckChain, PckVerification } from './pck.ts';
import { verifyPckChain } from './pck.ts';
import type { Quote, Tee } from './quote.ts';
import type { SignatureData } from './signature-data.ts';
import { CERTIFICATION } from './signature-data.ts';
import { evaluateTcb } from './tcb.ts';
import type { TdReportBody } from './td-report.ts';

/** What a quote is verified under. */
export interface QuoteContext extends VerificationContext {
  /** The one whose roots are trusted for the quote. */
  readonly platform: Platform;
  /** The report of a TDX quote, which Intel's verdict depends on as well; `undefined` for SGX. */
  readonly td: TdReportBody | undefined;
}

/** What was found out about a quote. It is authentic when there are no reasons and `basis` is there. */
export interface QuoteVerification {
  readonly reasons: readonly Reason[];
  /** What its authenticity rests on; `undefined` while its chain cannot be read or its root is not trusted. */
  readonly basis: QuoteBasis | undefined;
}

/** The trusted parts that a quote rests on. */
export interface QuoteBasis {
  readonly anchor: Anchor;
  readonly pck: PckChain;
  readonly concerns: readonly Concern[];
  /** Intel's verdict on the platform; `undefined` without collateral. */
  readonly tcb: TcbVerdict | undefined;
  readonly levels: Readonly<Record<string, number>>;
  readonly details: Readonly<Record<string, string>>;
  /** First and last second in which certificates and collateral are all valid, ms since 1970. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

const SCHEME = { kind: 'ecdsa', hash: 'sha256', encoding: 'raw' } as const;

/**
 * Verifies a parsed quote ("ECDSA Quote Verification" of Intel's DCAP documents) and lists everything that fails:
 * the attestation key's signature, the quoting enclave's report that binds that key, the PCK's signature of the
 * report, the PCK chain to a pinned root, the collateral under that same root, revocation, QE identity and TCB.
 * `endorsements` may hold one `intel-collateral`, and `certificate`s for quotes that do not carry their PCK chain.
 */
export async function verifyQuote(
  quote: Quote,
  endorsements: readonly Endorsement[],
  context: QuoteContext,
): Promise<QuoteVerification> {
  const pck = await verifyPck(quote, endorsements, context);
  const anchor = pck.chain?.anchor;
  const collateral = await verifyEndorsed(endorsements, anchor, context);
  const { tcb, reasons: platformReasons } = appraisePlatform(quote.proof, pck.chain, collateral.collateral, context);
  const reasons = [
    ...endorsementReasons(endorsements),
    ...(await signatureReasons(quote, context)),
    ...bindingReasons(quote, context),
    ...(await qeReportReasons(quote, pck.leaf, context)),
    ...pck.reasons,
    ...collateral.reasons,
    ...platformReasons,
  ];
  if (pck.chain === undefined || anchor === undefined) return { reasons, basis: undefined };
  const validity = validityOf(pck.chain, collateral.collateral);
  const { concerns } = collateral;
  const { verdict, levels = {}, details = {} } = tcb ?? {};
  return { reasons, basis: { anchor, pck: pck.chain, concerns, tcb: verdict, levels, details, ...validity } };
}

/** What a quote has no use for is refused: a verdict must not depend on what was ignored. */
function endorsementReasons(endorsements: readonly Endorsement[]): readonly Reason[] {
  const strange = endorsements.filter(({ kind }) => kind !== 'certificate' && kind !== 'intel-collateral');
  const reasons: Reason[] = strange.map(({ kind }) => ({
    code: 'MALFORMED',
    detail: 'an endorsement that no quote is verified by',
    found: kind,
    wanted: 'intel-collateral, certificate',
  }));
  const bundles = endorsements.filter(({ kind }) => kind === 'intel-collateral').length;
  if (bundles <= 1) return reasons;
  const twice = { detail: "more than one bundle of Intel's collateral", found: `${bundles}`, wanted: '1' };
  return [...reasons, { code: 'COLLATERAL_MALFORMED', ...twice }];
}

async function signatureReasons({ proof, signed }: Quote, context: QuoteContext): Promise<readonly Reason[]> {
  const spki = ecSpki('p256', proof.attestationKey);
  const held =
    spki !== undefined && (await context.crypto.verifyCertificateSignature(SCHEME, spki, proof.signature, signed));
  return held ? [] : [{ code: 'SIGNATURE_INVALID', detail: 'the quote is not signed by its attestation key' }];
}

/** The report data of the quoting enclave: SHA-256 of attestation key and authentication data, then 32 zero bytes. */
function bindingReasons({ proof }: Quote, { crypto }: QuoteContext): readonly Reason[] {
  const digest = crypto.digest('sha256', proof.attestationKey, proof.qeAuthData);
  const wanted = concat(digest, new Uint8Array(32));
  const { reportData } = proof.qeReport;
  if (equalBytes(reportData, wanted)) return [];
  const detail = 'the quoting enclave does not vouch for the attestation key of the quote';
  return [{ code: 'QE_REPORT_BINDING_INVALID', detail, found: toHex(reportData), wanted: toHex(wanted) }];
}

async function qeReportReasons(
  { proof }: Quote,
  leaf: Certificate | undefined,
  { crypto }: QuoteContext,
): Promise<readonly Reason[]> {
  // A PCK certificate that is missing, unreadable or for another algorithm is reported with the chain.
  if (leaf?.key.kind !== 'p256') return [];
  const { qeReportSignature, qeReportBytes } = proof;
  if (await crypto.verifyCertificateSignature(SCHEME, leaf.key.spki, qeReportSignature, qeReportBytes)) return [];
  const detail = 'the report of the quoting enclave is not signed by the PCK';
  return [{ code: 'QE_REPORT_SIGNATURE_INVALID', detail }];
}

async function verifyPck(
  { proof }: Quote,
  endorsements: readonly Endorsement[],
  context: QuoteContext,
): Promise<PckVerification> {
  const { type, bytes } = proof.certification;
  const holdsCertificates = type === CERTIFICATION.pckCertificate || type === CERTIFICATION.pckChain;
  const own = holdsCertificates ? attempt(() => splitCertificates(bytes)) : undefined;
  if (own?.kind === 'refused') {
    const detail = `certification data of the quote: ${own.reason.detail}`;
    return { reasons: [{ code: 'CHAIN_INVALID', detail }], leaf: undefined, chain: undefined };
  }
  const given = endorsements.flatMap((endorsement) => (endorsement.kind === 'certificate' ? [endorsement.bytes] : []));
  const ders = [...(own?.value ?? []), ...given];
  if (ders.length > 0) return verifyPckChain(ders, context.platform, context);
  const found = `certification data of type ${type}`;
  const detail = 'the PCK certificate is neither in the quote nor next to it';
  const reason: Reason = { code: 'PCK_CERTIFICATE_MISSING', detail, found, wanted: 'type 4 or 5, or certificates' };
  return { reasons: [reason], leaf: undefined, chain: undefined };
}

async function verifyEndorsed(
  endorsements: readonly Endorsement[],
  anchor: Anchor | undefined,
  { platform, td, anchors, atMs, crypto }: QuoteContext,
): ReturnType<typeof verifyCollateral> {
  const bundle = endorsements.find(({ kind }) => kind === 'intel-collateral');
  if (bundle === undefined) return { reasons: [], concerns: [MISSING], collateral: undefined };
  // Once the quote's own root is known no other will do: whoever holds another one must not speak for its platforms.
  const tee: Tee = td === undefined ? 'SGX' : 'TDX';
  const expected = { tee, anchors: anchor === undefined ? anchors : [anchor], platform };
  return verifyCollateral(bundle.bytes, expected, { atMs, crypto });
}

const MISSING: Concern = {
  code: 'COLLATERAL_MISSING',
  detail: 'without collateral neither the TCB nor the quoting enclave nor revocation can be judged',
};

/** What Intel says of the platform: whether its certificates are revoked, and what its versions are worth. */
function appraisePlatform(
  { qeReport }: SignatureData,
  chain: PckChain | undefined,
  collateral: Collateral | undefined,
  { td }: QuoteContext,
) {
  if (chain === undefined || collateral === undefined) return { tcb: undefined, reasons: [] };
  const { fmspc, pceId, tcb: versions } = chain.platform;
  const pck = { fmspc, pceId, components: versions.components, pceSvn: versions.pceSvn };
  const tcb = evaluateTcb({ pck, qeReport, td }, collateral);
  return { tcb, reasons: [...revocationReasons(chain, collateral), ...tcb.reasons] };
}

/** A list that did not come or cannot be read was reported with the collateral. */
function revocationReasons({ leaf, authority }: PckChain, collateral: Collateral): readonly Reason[] {
  const { pckCrl, rootCrl, pckCrlIssuer } = collateral;
  const reasons: Reason[] = [];
  if (pckCrlIssuer !== undefined && !isSameAuthority(authority, pckCrlIssuer)) {
    const detail = 'the PCK revocation list is of another authority than the PCK certificate';
    reasons.push({ code: 'CRL_INVALID', detail });
  }
  if (pckCrl !== undefined && isRevoked(pckCrl, leaf)) {
    const detail = 'the PCK certificate is revoked: Intel no longer vouches for this platform';
    reasons.push({ code: 'CERT_REVOKED', detail, found: `serial ${toHex(leaf.serial)}` });
  }
  if (rootCrl !== undefined && isRevoked(rootCrl, authority)) {
    const detail = 'the authority of the PCK certificate is revoked';
    reasons.push({ code: 'CERT_REVOKED', detail, found: `serial ${toHex(authority.serial)}` });
  }
  return reasons;
}

function isSameAuthority(one: Certificate, other: Certificate): boolean {
  return equalBytes(one.subject, other.subject) && equalBytes(one.key.spki, other.key.spki);
}

function validityOf({ root, authority, leaf }: PckChain, collateral: Collateral | undefined) {
  const certificates = [root, authority, leaf];
  const { validFromMs = -Infinity, validUntilMs = Infinity } = collateral ?? {};
  return {
    validFromMs: Math.max(validFromMs, ...certificates.map(({ notBeforeMs }) => notBeforeMs)),
    validUntilMs: Math.min(validUntilMs, ...certificates.map(({ notAfterMs }) => notAfterMs)),
  };
}
