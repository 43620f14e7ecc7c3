import { equalBytes, toHex } from '../../bytes/bytes.ts';
import { assert } from '../../fault/fault.ts';
import type { TcbVerdict } from '../claims.ts';
import type { Reason } from '../reasons.ts';
import { type QeIdentity, qeIdentityReasons } from './qe-identity.ts';
import type { SgxReportBody } from './sgx-report.ts';
import type { TcbInfo } from './tcb-info.ts';
import { componentLevelOf, platformLevelOf } from './tcb-level.ts';
import { type ComponentStatus, convergeStatuses, type PlatformStatus, relaunchStatus } from './tcb-status.ts';
import type { TdReportBody } from './td-report.ts';
import { rateTdxModule, type TdxModuleTcb, tdxModuleReasons } from './tdx-module.ts';

/** What a quote and its PCK certificate say of the TCB. */
export interface TcbInput {
  readonly pck: PckVersions;
  /** The report of the quoting enclave. */
  readonly qeReport: SgxReportBody;
  /** The TD report of a TDX quote; `undefined` for SGX. */
  readonly td: TdReportBody | undefined;
}

/** The platform and the versions that a PCK certificate is for. */
export interface PckVersions {
  /** 6 and 2 bytes. */
  readonly fmspc: Uint8Array;
  readonly pceId: Uint8Array;
  /** 16 numbers from 0 to 255. */
  readonly components: readonly number[];
  readonly pceSvn: number;
}

/** Intel's rating of a TCB, and what it is made of. */
export interface TcbEvaluation extends TcbVerdict {
  readonly platform: PlatformTcb;
  /** `undefined` for SGX, and for a module that is rated with its platform. */
  readonly tdxModule: TdxModuleTcb | undefined;
  readonly qe: QeTcb;
  /** Platform and components together: as a trust domain was launched, and for TDX 1.5 as it runs now. */
  readonly launch: PlatformStatus;
  readonly current: PlatformStatus | undefined;
}

/** The rating of a platform's own versions; no date where they match no level. */
export interface PlatformTcb {
  readonly status: PlatformStatus;
  readonly date: string | undefined;
  readonly advisories: readonly string[];
}

/** The rating of the quoting enclave. */
export interface QeTcb {
  readonly isvSvn: number;
  readonly status: ComponentStatus;
  readonly advisories: readonly string[];
}

/** What {@link evaluateTcb} found. `details` and `levels` are for the claims. */
export interface TcbResult {
  readonly reasons: readonly Reason[];
  /** `undefined` where the TCB info is for other platforms: it says nothing of this one. */
  readonly verdict: TcbVerdict | undefined;
  readonly evaluation: TcbEvaluation | undefined;
  readonly details: Readonly<Record<string, string>>;
  readonly levels: Readonly<Record<string, number>>;
}

/**
 * Rates the TCB of a quote by verified collateral of its kind of TEE, as Intel's Quote Verification Library does
 * (QuoteVerifier.cpp, TcbLevelCheck.cpp). Reasons say that the collateral is for another platform, quoting enclave or
 * TDX module; how good the TCB is stands in `verdict`, for a policy to judge.
 */
export function evaluateTcb(input: TcbInput, collateral: TcbCollateral): TcbResult {
  const { tcbInfo, qeIdentity } = collateral;
  assert((input.td === undefined) === (tcbInfo.tdx === undefined), 'TCB info of another kind of TEE than the quote');
  const reasons = platformReasons(input.pck, tcbInfo);
  const evaluation = reasons.length === 0 ? evaluate(input, collateral) : undefined;
  const moduleReasons = input.td && tcbInfo.tdx ? tdxModuleReasons(tcbInfo.tdx, input.td) : [];
  return {
    reasons: [...reasons, ...moduleReasons, ...qeIdentityReasons(input.qeReport, qeIdentity)],
    verdict: evaluation && { status: evaluation.status, advisories: evaluation.advisories },
    evaluation,
    details: evaluation === undefined ? {} : detailsOf(evaluation),
    levels: { tcb_evaluation_number: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber) },
  };
}

/** The parts of collateral that rate a TCB. */
export interface TcbCollateral {
  readonly tcbInfo: TcbInfo;
  readonly qeIdentity: QeIdentity;
}

function platformReasons({ fmspc, pceId }: PckVersions, tcbInfo: TcbInfo): readonly Reason[] {
  const compared = [
    ['FMSPC', fmspc, tcbInfo.fmspc],
    ['PCEID', pceId, tcbInfo.pceId],
  ] as const;
  return compared.flatMap(([name, found, wanted]) => {
    if (equalBytes(found, wanted)) return [];
    const detail = `${name} of the PCK certificate is not the one that the TCB info is for`;
    return [{ code: 'FMSPC_MISMATCH', detail, found: toHex(found), wanted: toHex(wanted) }];
  });
}

function evaluate({ pck, qeReport, td }: TcbInput, { tcbInfo, qeIdentity }: TcbCollateral): TcbEvaluation {
  const qe = rateQe(qeReport, qeIdentity);
  const launch = rate({ pck, teeTcbSvn: td?.teeTcbSvn, qe }, tcbInfo);
  // TDX 1.5 says besides what the platform runs by now (TcbLevelCheck.cpp, checkTcbLevel).
  const current = td?.teeTcbSvn2 && rate({ pck, teeTcbSvn: td.teeTcbSvn2, qe }, tcbInfo);
  const advisories = [...launch.advisories, ...(current?.advisories ?? [])];
  return {
    status: current === undefined ? launch.status : relaunchStatus(launch.status, current.status),
    advisories: [...new Set(advisories)].toSorted(),
    platform: launch.platform,
    tdxModule: launch.tdxModule,
    qe,
    launch: launch.status,
    current: current?.status,
  };
}

interface Rated {
  readonly pck: PckVersions;
  readonly teeTcbSvn: Uint8Array | undefined;
  readonly qe: QeTcb;
}

/** Platform, TDX module and quoting enclave together (EvaluateTcb.cpp, sgxEvaluateTCB and tdxEvaluateTCB). */
function rate({ pck, teeTcbSvn, qe }: Rated, tcbInfo: TcbInfo) {
  const platform = ratePlatform(pck, teeTcbSvn, tcbInfo);
  const tdxModule = teeTcbSvn && tcbInfo.tdx && rateTdxModule(tcbInfo.tdx, teeTcbSvn);
  const components = tdxModule === undefined ? [qe] : [tdxModule, qe];
  return {
    platform,
    tdxModule,
    status: convergeStatuses(
      platform.status,
      components.map(({ status }) => status),
    ),
    advisories: [platform, ...components].flatMap(({ advisories }) => advisories),
  };
}

function ratePlatform(
  { components, pceSvn }: PckVersions,
  teeTcbSvn: Uint8Array | undefined,
  tcbInfo: TcbInfo,
): PlatformTcb {
  const level = platformLevelOf(tcbInfo.levels, { components, pceSvn, teeTcbSvn });
  const { status = 'NotSupported', date, advisories = [] } = level ?? {};
  return { status, date, advisories };
}

function rateQe({ isvSvn }: SgxReportBody, identity: QeIdentity): QeTcb {
  const { status = 'NotSupported', advisories = [] } = componentLevelOf(identity.levels, isvSvn) ?? {};
  return { isvSvn, status, advisories };
}

function detailsOf({ platform, tdxModule, qe, launch, current }: TcbEvaluation): Readonly<Record<string, string>> {
  return {
    platformTcb: platform.date === undefined ? platform.status : `${platform.status}, level of ${platform.date}`,
    ...(tdxModule === undefined ? {} : { tdxModule: `${tdxModule.id} ${shown(tdxModule)}` }),
    quotingEnclave: shown(qe),
    ...(current === undefined ? {} : { tcbAtLaunch: launch, tcbNow: current }),
  };
}

function shown({ isvSvn, status }: Pick<QeTcb, 'isvSvn' | 'status'>): string {
  return `version ${isvSvn}: ${status}`;
}
