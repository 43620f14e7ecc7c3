import type { AzureHardware } from '#shared/attestation/azure/hcl.ts';
import type { TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import type { QuotingMachine } from '../intel/quote.ts';
import { PLAIN_TEE_TCB_SVN } from '../intel/tcb.ts';
import type { SnpChip } from '../sev-snp/chip.ts';
import { mintSnpReport, type SnpReportContents } from '../sev-snp/report.ts';
import type { EmulatedAk } from '../tpm/key.ts';
import { hclReportData, mintHclReport } from './hcl.ts';
import { runtimeClaims } from './runtime-claims.ts';
import { mintTdReport, quoteTdReport } from './td-report.ts';

/** The processor under a confidential VM, as far as its paravisor sees it. */
export interface VmHardware {
  readonly kind: AzureHardware;
  /** A report over 64 bytes of report data: 1184 bytes of SEV-SNP, or 1024 of TDX. */
  readonly report: (reportData: Uint8Array) => Uint8Array;
  /** On TDX, the quote that Azure's service makes for a TD report. */
  readonly quote?: (tdReport: Uint8Array) => Promise<Uint8Array>;
}

/** A VM on `chip` whose paravisor has this launch digest (48 bytes), or whatever else a test wants in its reports. */
export function snpHardware(chip: SnpChip, contents: Omit<SnpReportContents, 'reportData'>): VmHardware {
  return { kind: 'SEV-SNP', report: (reportData) => mintSnpReport(chip, { ...contents, reportData }) };
}

/** A VM on `machine` whose paravisor measures to `fields.mrTd`. */
export function tdxHardware(machine: QuotingMachine, fields: Partial<TdReportBody>): VmHardware {
  return {
    kind: 'TDX',
    report: (reportData) => mintTdReport({ ...TD_FIELDS, ...fields, reportData }),
    quote: (tdReport) => quoteTdReport(machine, tdReport),
  };
}

/** An HCL report about a VM whose vTPM has `ak`, as its NV index holds it when it is read. */
export function hclReportOf(hardware: VmHardware, ak: Pick<EmulatedAk, 'spki'>, userData?: Uint8Array): Uint8Array {
  const claims = runtimeClaims({ ak, ...(userData === undefined ? {} : { userData }) });
  const hardwareReport = hardware.report(hclReportData(claims));
  return mintHclReport({ hardware: hardware.kind, hardwareReport, runtimeClaims: claims });
}

/** A TD of the emulated TDX module, that takes no exceptions for its memory. */
const TD_FIELDS: Partial<TdReportBody> = {
  teeTcbSvn: PLAIN_TEE_TCB_SVN,
  tdAttributes: Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0),
  xfam: Uint8Array.of(0xe7, 0x18, 0x06, 0, 0, 0, 0, 0),
};
