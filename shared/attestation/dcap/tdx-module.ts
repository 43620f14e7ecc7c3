import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Reason } from '../reasons.ts';
import { masked } from './masked.ts';
import type { TdxModuleIdentity, TdxModules } from './tcb-info.ts';
import { componentLevelOf } from './tcb-level.ts';
import type { ComponentStatus } from './tcb-status.ts';
import type { TdReportBody } from './td-report.ts';

/** What Intel says of the TDX module that a TD report names. */
export interface TdxModuleTcb {
  /** `TDX_01` and so on. */
  readonly id: string;
  readonly isvSvn: number;
  readonly status: ComponentStatus;
  readonly advisories: readonly string[];
}

/**
 * Rates a module by TEE_TCB_SVN: its identity by byte 1, its level there by byte 0 (EvaluateTcb.cpp of Intel's library).
 * `undefined` where byte 1 is zero: such a module has no identity, and its versions are rated with the platform's.
 */
export function rateTdxModule(modules: TdxModules, teeTcbSvn: Uint8Array): TdxModuleTcb | undefined {
  const [isvSvn = 0, major = 0] = teeTcbSvn;
  if (major === 0) return undefined;
  const level = componentLevelOf(identityOf(modules, major)?.levels ?? [], isvSvn);
  const { status = 'NotSupported', advisories = [] } = level ?? {};
  return { id: idOf(major), isvSvn, status, advisories };
}

/**
 * Whether the module of a TD report is one that Intel signed (QuoteVerifier.cpp of Intel's library). A module of a major
 * version that the TCB info does not know has no signer that could be right.
 */
export function tdxModuleReasons(modules: TdxModules, report: TdReportBody): readonly Reason[] {
  const [, major = 0] = report.teeTcbSvn;
  const signer = major === 0 ? modules.first : identityOf(modules, major);
  if (signer === undefined) {
    const wanted = modules.identities.map(({ id }) => id).join(' or ');
    const detail = 'the TCB info names no signer of a TDX module of this version';
    return [{ code: 'TDX_MODULE_MRSIGNER_MISMATCH', detail, found: idOf(major), wanted }];
  }
  const reasons: Reason[] = [];
  if (!equalBytes(report.mrSignerSeam, signer.mrSigner)) {
    const [found, wanted] = [toHex(report.mrSignerSeam), toHex(signer.mrSigner)];
    const detail = 'MRSIGNERSEAM is not the signer that Intel names';
    reasons.push({ code: 'TDX_MODULE_MRSIGNER_MISMATCH', detail, found, wanted });
  }
  // No attribute of a module is defined for production. Intel's library asks for zero whatever the mask leaves open.
  const attributes = masked(report.seamAttributes, signer.attributesMask);
  if (!equalBytes(attributes, signer.attributes) || report.seamAttributes.some((byte) => byte !== 0)) {
    const [found, wanted] = [toHex(report.seamAttributes), toHex(signer.attributes)];
    const detail = 'SEAMATTRIBUTES are not those that Intel names, or not zero';
    reasons.push({ code: 'TDX_MODULE_ATTRIBUTES_MISMATCH', detail, found, wanted });
  }
  return reasons;
}

function identityOf({ identities }: TdxModules, major: number): TdxModuleIdentity | undefined {
  return identities.find(({ id }) => id === idOf(major));
}

function idOf(major: number): string {
  return `TDX_${toHex(Uint8Array.of(major)).toUpperCase()}`;
}
