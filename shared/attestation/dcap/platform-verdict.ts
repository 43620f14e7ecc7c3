import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { Concern, TcbVerdict } from '../claims.ts';
import type { Platform } from '../platforms.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import type { Certificate } from '../x509/certificate.ts';
import { commonValidity } from '../x509/chain.ts';
import { isRevoked } from '../x509/crl.ts';
import { timeText } from '../x509/time.ts';
import type { Collateral } from './collateral.ts';
import { verifyCollateral } from './collateral.ts';
import { knownEnclaveReasons } from './known-quoting-enclave.ts';
import type { PckChain } from './pck.ts';
import type { SgxReportBody } from './sgx-report.ts';
import { evaluateTcb } from './tcb.ts';
import type { TdReportBody } from './td-report.ts';

/** What a quote is verified under. */
export interface QuoteContext extends VerificationContext {
  /** The one whose roots are trusted for the quote. */
  readonly platform: Platform;
  /** The report of a TDX quote, which Intel's verdict depends on as well; `undefined` for SGX. */
  readonly td: TdReportBody | undefined;
}

/** What Intel's collateral says of the platform that made a quote. */
export interface PlatformVerdict {
  readonly reasons: readonly Reason[];
  readonly concerns: readonly Concern[];
  /** `undefined` where nothing could be said. */
  readonly tcb: TcbVerdict | undefined;
  readonly levels: Readonly<Record<string, number>>;
  readonly details: Readonly<Record<string, string>>;
  /** First and last second in which the collateral is valid, ms since 1970; infinite without any. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

/** What is known of the platform from its quote. */
export interface QuotedPlatform {
  readonly qeReport: SgxReportBody;
  /** `undefined` where it could not be read: then the collateral is judged by itself. */
  readonly chain: PckChain | undefined;
}

/** Verifies the collateral `bytes` (`undefined` when none came) and asks it about the platform. */
export async function verifyPlatform(
  bytes: Uint8Array | undefined,
  { qeReport, chain }: QuotedPlatform,
  context: QuoteContext,
): Promise<PlatformVerdict> {
  const { platform, td, atMs, crypto } = context;
  const tee = td === undefined ? 'SGX' : 'TDX';
  const anchor = chain?.anchor;
  if (bytes === undefined) {
    const reasons = anchor?.emulated === false ? knownEnclaveReasons(qeReport, tee) : [];
    return { ...NOTHING, reasons, concerns: [MISSING] };
  }
  const expected = { tee, anchors: rootsFor(anchor, context.anchors), platform } as const;
  const { reasons, concerns, collateral } = await verifyCollateral(bytes, expected, { atMs, crypto });
  if (collateral === undefined || chain === undefined) return { ...NOTHING, reasons, concerns };
  const { components, pceSvn } = chain.platform.tcb;
  const pck = { fmspc: chain.platform.fmspc, pceId: chain.platform.pceId, components, pceSvn };
  const tcb = evaluateTcb({ pck, qeReport, td }, collateral);
  return {
    reasons: [...reasons, ...spanReasons(chain, atMs), ...revocationReasons(chain, collateral), ...tcb.reasons],
    concerns,
    tcb: tcb.verdict,
    levels: tcb.levels,
    details: tcb.details,
    validFromMs: collateral.validFromMs,
    validUntilMs: collateral.validUntilMs,
  };
}

const NOTHING = {
  reasons: [],
  concerns: [],
  tcb: undefined,
  levels: {},
  details: {},
  validFromMs: -Infinity,
  validUntilMs: Infinity,
};

const MISSING: Concern = {
  code: 'COLLATERAL_MISSING',
  detail: 'without collateral neither the TCB nor revocation can be judged',
};

/**
 * Roots that may stand behind the collateral of a chain: whoever holds another root must not speak for its platforms.
 * Intel has published its root in two certificates, which stand for each other.
 */
function rootsFor(anchor: Anchor | undefined, anchors: readonly Anchor[]): readonly Anchor[] {
  if (anchor === undefined) return anchors;
  return anchor.emulated ? [anchor] : anchors.filter(({ emulated }) => !emulated);
}

/** Intel's own verifier counts the dates of the PCK chain among those of the collateral (qve.cpp, qve_get_collateral_dates). */
function spanReasons({ root, authority, leaf }: PckChain, atMs: number): readonly Reason[] {
  const [fromMs, untilMs] = commonValidity([root, authority, leaf]);
  const found = timeText(atMs);
  if (atMs < fromMs) {
    const detail = 'the collateral counts from the first second of the PCK chain on';
    return [{ code: 'COLLATERAL_NOT_YET_VALID', detail, found, wanted: `from ${timeText(fromMs)}` }];
  }
  if (atMs < untilMs + 1000) return [];
  const detail = 'the collateral counts to the last second of the PCK chain';
  return [{ code: 'COLLATERAL_EXPIRED', detail, found, wanted: `until ${timeText(untilMs)}` }];
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
