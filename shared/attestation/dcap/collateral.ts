import type { CryptoPort } from '../../crypto/port.ts';
import type { Concern } from '../claims.ts';
import { attempt } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { isRevoked } from '../x509/crl.ts';
import type { PathRules } from '../x509/path.ts';
import { type CollateralCrlVerification, verifyCollateralCrl } from './collateral-crl.ts';
import { type CollateralParts, parseCollateralParts } from './collateral-json.ts';
import { type CollateralTrust, type IssuerVerification, verifyIssuerChain } from './issuer-chain.ts';
import { parseQeIdentity, type QeIdentity } from './qe-identity.ts';
import { type Signed, type SignedVerification, verifySigned } from './signed-part.ts';
import { parseTcbInfo, type TcbInfo } from './tcb-info.ts';
import { spanConcerns, spanReasons, type ValiditySpan } from './validity-span.ts';

/** What collateral must be for, and whom it may be signed by: the root that the quote's own chain ends in. */
export interface ExpectedCollateral extends CollateralTrust {
  readonly tee: 'SGX' | 'TDX';
}

/** Intel's collateral, decoded. Trusted where it came without reasons, and as far as its concerns let it. */
export interface Collateral {
  readonly tcbInfo: TcbInfo;
  readonly qeIdentity: QeIdentity;
  /** Of the root, for the certificates below it; `undefined` where it did not come or cannot be read. */
  readonly rootCrl: Crl | undefined;
  /** Of a PCK authority, for PCK certificates, and that authority; `undefined` likewise. */
  readonly pckCrl: Crl | undefined;
  readonly pckCrlIssuer: Certificate | undefined;
  /** The smaller of the numbers of TCB info and QE identity: grows with every evaluation that Intel publishes. */
  readonly evaluationNumber: number;
  /** First and last second in which every part and every certificate is valid, ms since 1970. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

/** What came of verifying collateral; `collateral` is there whenever it could be read and is for the right TEE. */
export interface CollateralVerification {
  readonly reasons: readonly Reason[];
  readonly concerns: readonly Concern[];
  readonly collateral: Collateral | undefined;
}

/** How all of Intel's certificates and revocation lists are signed. */
const ALLOWED = ['ecdsa-sha256'] as const;

/**
 * Verifies collateral ("ECDSA Quote Verification" of Intel's DCAP documents): issuer chains up to the root, revocation
 * lists, signatures over the very bytes of TCB info and QE identity, and the span in which each part is valid. All
 * failures are listed. What did not come or is past its next update is a concern, for policy to decide.
 */
export async function verifyCollateral(
  bytes: Uint8Array,
  expected: ExpectedCollateral,
  { atMs, crypto }: { readonly atMs: number; readonly crypto: CryptoPort },
): Promise<CollateralVerification> {
  const parsed = attempt(() => parseCollateralParts(bytes));
  if (parsed.kind === 'refused') {
    return { reasons: [{ ...parsed.reason, code: 'COLLATERAL_MALFORMED' }], concerns: [], collateral: undefined };
  }
  const rules = { atMs, allowed: ALLOWED, crypto };
  const chains = await verifyChains(parsed.value, expected, rules);
  const crls = await verifyCrls(parsed.value, chains, rules);
  const signed = await verifyStatements(parsed.value, chains, crypto);
  const results = [chains.tcb, chains.qe, chains.pck, crls.root, crls.pck, signed.tcbInfo, signed.qeIdentity];
  const spans = spansOf(signed, crls);
  return {
    reasons: [
      ...results.flatMap(({ reasons }) => reasons),
      ...revocationReasons(chains, crls.root.crl),
      ...typeReasons(signed, expected),
      ...spans.flatMap((span) => spanReasons(span, atMs)),
    ],
    concerns: [...crls.root.concerns, ...crls.pck.concerns, ...spans.flatMap((span) => spanConcerns(span, atMs))],
    collateral: collateralOf({ chains, crls, signed, spans }, expected),
  };
}

interface Chains {
  readonly tcb: IssuerVerification;
  readonly qe: IssuerVerification;
  readonly pck: IssuerVerification;
}

async function verifyChains(parts: CollateralParts, trust: CollateralTrust, rules: PathRules): Promise<Chains> {
  const { tcb_info_issuer_chain: tcbText, qe_identity_issuer_chain: qeText, pck_crl_issuer_chain: pckText } = parts;
  const signing = { what: 'issuer chain of the TCB info', role: 'tcb-signing' } as const;
  const tcb = await verifyIssuerChain({ ...signing, text: tcbText }, trust, rules);
  // Intel signs both with one key: what is wrong with its chain is said once.
  const qe =
    qeText === tcbText
      ? { reasons: [], chain: tcb.chain }
      : await verifyIssuerChain({ ...signing, text: qeText, what: 'issuer chain of the QE identity' }, trust, rules);
  const authority = { text: pckText ?? '', what: 'issuer chain of the PCK CRL', role: 'pck-authority' } as const;
  // A chain has no use without its list, whose absence is reported as such.
  const pck = parts.pck_crl ? await verifyIssuerChain(authority, trust, rules) : { reasons: [], chain: undefined };
  return { tcb, qe, pck };
}

interface Crls {
  readonly root: CollateralCrlVerification;
  readonly pck: CollateralCrlVerification;
}

async function verifyCrls(parts: CollateralParts, { tcb, qe, pck }: Chains, rules: PathRules): Promise<Crls> {
  const root = (tcb.chain ?? qe.chain ?? pck.chain)?.root;
  return {
    root: await verifyCollateralCrl({ text: parts.root_ca_crl, what: 'root CA CRL' }, root, rules),
    pck: await verifyCollateralCrl({ text: parts.pck_crl, what: 'PCK CRL' }, pck.chain?.issuer, rules),
  };
}

interface Statements {
  readonly tcbInfo: SignedVerification<TcbInfo>;
  readonly qeIdentity: SignedVerification<QeIdentity>;
}

async function verifyStatements(parts: CollateralParts, { tcb, qe }: Chains, crypto: CryptoPort): Promise<Statements> {
  const tcbInfo: Signed<TcbInfo> = {
    what: 'TCB info',
    text: parts.tcb_info,
    signature: parts.tcb_info_signature,
    parse: parseTcbInfo,
  };
  const qeIdentity: Signed<QeIdentity> = {
    what: 'QE identity',
    text: parts.qe_identity,
    signature: parts.qe_identity_signature,
    parse: parseQeIdentity,
  };
  return {
    tcbInfo: await verifySigned(tcbInfo, tcb.chain?.issuer, crypto),
    qeIdentity: await verifySigned(qeIdentity, qe.chain?.issuer, crypto),
  };
}

function revocationReasons({ tcb, qe, pck }: Chains, rootCrl: Crl | undefined): readonly Reason[] {
  const issuers = new Set([tcb, qe, pck].flatMap(({ chain }) => chain?.issuer ?? []));
  return [...issuers].flatMap((issuer) => {
    if (rootCrl === undefined || !isRevoked(rootCrl, issuer)) return [];
    return [{ code: 'CERT_REVOKED', detail: 'the root has revoked a certificate that signed the collateral' }];
  });
}

const QE_IDS = { SGX: 'QE', TDX: 'TD_QE' } as const;

function typeReasons({ tcbInfo, qeIdentity }: Statements, { tee }: ExpectedCollateral): readonly Reason[] {
  const reasons: Reason[] = [];
  const found = tcbInfo.value?.tee;
  if (found !== undefined && found !== tee) {
    reasons.push({
      code: 'TCB_INFO_TYPE_MISMATCH',
      detail: 'the TCB info is of another kind of TEE',
      found,
      wanted: tee,
    });
  }
  const id = qeIdentity.value?.id;
  if (id !== undefined && id !== QE_IDS[tee]) {
    const detail = 'the QE identity is not of the enclave that makes quotes of this kind of TEE';
    reasons.push({ code: 'QE_IDENTITY_MISMATCH', detail, found: id, wanted: QE_IDS[tee] });
  }
  return reasons;
}

function spansOf({ tcbInfo, qeIdentity }: Statements, { root, pck }: Crls): readonly ValiditySpan[] {
  const issued = [
    { what: 'TCB info', part: tcbInfo.value },
    { what: 'QE identity', part: qeIdentity.value },
  ].flatMap(({ what, part }) =>
    part === undefined ? [] : [{ what, fromMs: part.issuedMs, untilMs: part.nextUpdateMs }],
  );
  const lists = [
    { what: 'root CA CRL', crl: root.crl },
    { what: 'PCK CRL', crl: pck.crl },
  ].flatMap(({ what, crl }) =>
    crl === undefined ? [] : [{ what, fromMs: crl.thisUpdateMs, untilMs: crl.nextUpdateMs }],
  );
  return [...issued, ...lists];
}

interface Verified {
  readonly chains: Chains;
  readonly crls: Crls;
  readonly signed: Statements;
  readonly spans: readonly ValiditySpan[];
}

function collateralOf({ chains, crls, signed, spans }: Verified, expected: ExpectedCollateral): Collateral | undefined {
  const [tcbInfo, qeIdentity] = [signed.tcbInfo.value, signed.qeIdentity.value];
  if (tcbInfo === undefined || qeIdentity === undefined || typeReasons(signed, expected).length > 0) return undefined;
  const certificates = [chains.tcb, chains.qe, chains.pck].flatMap(({ chain }) =>
    chain ? [chain.root, chain.issuer] : [],
  );
  return {
    tcbInfo,
    qeIdentity,
    rootCrl: crls.root.crl,
    pckCrl: crls.pck.crl,
    pckCrlIssuer: chains.pck.chain?.issuer,
    evaluationNumber: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber),
    validFromMs: Math.max(...spans.map(({ fromMs }) => fromMs), ...certificates.map(({ notBeforeMs }) => notBeforeMs)),
    validUntilMs: Math.min(...spans.map(({ untilMs }) => untilMs), ...certificates.map(({ notAfterMs }) => notAfterMs)),
  };
}
