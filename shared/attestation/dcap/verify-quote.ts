import { concat, equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { Endorsement } from '../evidence.ts';
import { attempt } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';
import { commonValidity } from '../x509/chain.ts';
import { ecSpki } from '../x509/spki.ts';
import { splitCertificates } from './certificates.ts';
import type { PckChain, PckVerification } from './pck.ts';
import { verifyPckChain } from './pck.ts';
import type { PlatformVerdict, QuoteContext } from './platform-verdict.ts';
import { verifyPlatform } from './platform-verdict.ts';
import type { Quote } from './quote.ts';
import { CERTIFICATION } from './signature-data.ts';

/** What was found out about a quote. It is authentic when there are no reasons; then `basis` is there. */
export interface QuoteVerification {
  readonly reasons: readonly Reason[];
  /** What its authenticity rests on; `undefined` while its chain cannot be read or its root is not trusted. */
  readonly basis: QuoteBasis | undefined;
}

/** The trusted parts that a quote rests on. The span of validity is that of certificates and collateral together. */
export interface QuoteBasis extends Omit<PlatformVerdict, 'reasons'> {
  readonly anchor: Anchor;
  readonly pck: PckChain;
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
  const bundle = endorsements.find(({ kind }) => kind === 'intel-collateral');
  const quoted = { qeReport: quote.proof.qeReport, chain: pck.chain };
  const { reasons: platformReasons, ...verdict } = await verifyPlatform(bundle?.bytes, quoted, context);
  const reasons = [
    ...endorsementReasons(endorsements),
    ...(await signatureReasons(quote, context)),
    ...bindingReasons(quote, context),
    ...(await qeReportReasons(quote, pck.leaf, context)),
    ...pck.reasons,
    ...platformReasons,
  ];
  if (pck.chain?.anchor === undefined) return { reasons, basis: undefined };
  const { root, authority, leaf, anchor } = pck.chain;
  const [chainFromMs, chainUntilMs] = commonValidity([root, authority, leaf]);
  const validFromMs = Math.max(verdict.validFromMs, chainFromMs);
  const validUntilMs = Math.min(verdict.validUntilMs, chainUntilMs);
  // Not the bytes of a quote but what it signs is its identity: a second signature S' = n - S verifies too.
  const contentSha256 = toHex(context.crypto.digest('sha256', quote.signed));
  const details = { ...verdict.details, contentSha256 };
  return { reasons, basis: { ...verdict, details, validFromMs, validUntilMs, anchor, pck: pck.chain } };
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

async function signatureReasons({ proof, signed }: Quote, { crypto }: QuoteContext): Promise<readonly Reason[]> {
  const spki = ecSpki('p256', proof.attestationKey);
  // A key that is no point of the curve verifies nothing.
  const held = spki !== undefined && (await crypto.verifyCertificateSignature(SCHEME, spki, proof.signature, signed));
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

/** The PCK chain of the quote, together with certificates that came next to it. */
async function verifyPck(
  { proof }: Quote,
  endorsements: readonly Endorsement[],
  context: QuoteContext,
): Promise<PckVerification> {
  const { type, bytes } = proof.certification;
  const holdsCertificates = type === CERTIFICATION.pckCertificate || type === CERTIFICATION.pckChain;
  const own = holdsCertificates ? attempt(() => splitCertificates(bytes)) : undefined;
  if (own?.kind === 'refused') {
    return withoutChain({ code: 'CHAIN_INVALID', detail: `certification data of the quote: ${own.reason.detail}` });
  }
  const given = endorsements.flatMap((endorsement) => (endorsement.kind === 'certificate' ? [endorsement.bytes] : []));
  const ders = [...(own?.value ?? []), ...given];
  if (ders.length > 0) return verifyPckChain(ders, context.platform, context);
  const detail = 'the PCK certificate is neither in the quote nor next to it';
  const found = `certification data of type ${type}`;
  return withoutChain({ code: 'PCK_CERTIFICATE_MISSING', detail, found, wanted: 'type 5, or certificates next to it' });
}

function withoutChain(reason: Reason): PckVerification {
  return { reasons: [reason], leaf: undefined, chain: undefined };
}
