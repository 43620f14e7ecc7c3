import { createHash } from 'node:crypto';
import { readTdReport } from '#shared/attestation/azure/td-report.ts';
import type { TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { mintQuote, type QuoteDefects, type QuotingMachine } from '../intel/quote.ts';
import { tdReport } from '../intel/report.ts';

/** How a test bends a TD report. */
export interface TdReportDefects {
  /** REPORTTYPE. */
  readonly type?: Uint8Array;
  /** Alters the parts after they were hashed, and the report as a whole. */
  readonly alterTcbInfo?: (bytes: Uint8Array) => Uint8Array;
  readonly alterTdInfo?: (bytes: Uint8Array) => Uint8Array;
  readonly alter?: (report: Uint8Array) => Uint8Array;
}

const TYPE_TD = Uint8Array.of(0x81, 0, 0, 0);
/** VALID of TEE_TCB_INFO, as TDX 1.5 sets it. */
const VALID = Uint8Array.of(0xff, 0x01, 0x03, 0, 0, 0, 0, 0);

/**
 * A TDREPORT_STRUCT of 1024 bytes about a TD (Intel TDX Module ABI Specification); what is left out is zero, and so are
 * CPUSVN and MAC, which no machine but the one that made them could check.
 */
export function mintTdReport(fields: Partial<TdReportBody>, defects: TdReportDefects = {}): Uint8Array {
  // The fields in a quote's order, of which the report has two runs.
  const body = tdReport({ teeTcbSvn2: new Uint8Array(16), ...fields });
  const tcbInfo = concat(VALID, body.subarray(0, 120), body.subarray(584, 600), new Uint8Array(95));
  const tdInfo = concat(body.subarray(120, 520), body.subarray(600, 648), new Uint8Array(64));
  const report = concat(
    defects.type ?? TYPE_TD,
    new Uint8Array(12 + 16),
    sha384(tcbInfo),
    sha384(tdInfo),
    body.subarray(520, 584),
    new Uint8Array(32 + 32),
    defects.alterTcbInfo?.(tcbInfo) ?? tcbInfo,
    new Uint8Array(17),
    defects.alterTdInfo?.(tdInfo) ?? tdInfo,
  );
  return defects.alter?.(report) ?? report;
}

/**
 * The quote that Azure's service returns for a TD report: of version 4, whose body has not the two fields of TDX 1.5.
 * Throws for a report that cannot be read.
 */
export function quoteTdReport(
  machine: QuotingMachine,
  report: Uint8Array,
  defects?: QuoteDefects,
): Promise<Uint8Array> {
  const { teeTcbSvn2: _, mrServiceTd: __, ...fields } = readTdReport(report, nodeCrypto);
  return mintQuote(machine, { version: 4, report: tdReport(fields) }, defects);
}

function sha384(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha384').update(bytes).digest());
}
