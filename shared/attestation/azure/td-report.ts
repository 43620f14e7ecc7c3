import { concat, equalBytes, toHex } from '../../bytes/bytes.ts';
import type { CryptoPort } from '../../crypto/port.ts';
import { ByteReader } from '../byte-reader.ts';
import type { TdReportBody } from '../dcap/td-report.ts';
import { parseTdReport } from '../dcap/td-report.ts';
import { malformed } from '../malformed.ts';
import type { Reason } from '../reasons.ts';

/** TEE_TYPE of a TD in REPORTTYPE. */
const TYPE_TD = 0x81;
const TCB_INFO_BYTES = 239;
const TD_INFO_BYTES = 512;

/**
 * Reads a TDREPORT_STRUCT of 1024 bytes (Intel TDX Module ABI Specification, "TDREPORT_STRUCT"): what a TD gets from its
 * module, with a MAC that only the same processor can check. The hashes inside are checked; the MAC and CPUSVN are left
 * alone. Whether it is genuine is for a quote to say, see {@link quotedReasons}. Throws `MalformedInput`.
 */
export function readTdReport(bytes: Uint8Array, crypto: Pick<CryptoPort, 'digest'>): TdReportBody {
  const reader = new ByteReader(bytes, 'TD report');
  const [type, subtype, version = 0, reserved] = reader.take(4);
  if (type !== TYPE_TD || subtype !== 0 || version > 1 || reserved !== 0) malformed('report that is not of a TD');
  reader.zeros(12);
  reader.take(16); // CPUSVN
  const tcbInfoHash = reader.take(48);
  const tdInfoHash = reader.take(48);
  const reportData = reader.take(64);
  reader.zeros(32);
  reader.take(32); // MAC
  const tcbInfo = reader.take(TCB_INFO_BYTES);
  reader.zeros(17);
  const tdInfo = reader.take(TD_INFO_BYTES);
  reader.end();
  const bound = [
    [tcbInfo, tcbInfoHash],
    [tdInfo, tdInfoHash],
  ] as const;
  if (bound.some(([part, hash]) => !equalBytes(crypto.digest('sha384', part), hash))) {
    malformed('TD report whose parts do not have the hashes in it');
  }
  return bodyOf(tcbInfo, tdInfo, reportData);
}

/** The fields in the order of a quote's body of TDX 1.5. */
function bodyOf(tcbInfo: Uint8Array, tdInfo: Uint8Array, reportData: Uint8Array): TdReportBody {
  // VALID, then TEE_TCB_SVN, MRSEAM, MRSIGNERSEAM, ATTRIBUTES; then TEE_TCB_SVN2.
  const seam = tcbInfo.subarray(8, 128);
  const teeTcbSvn2 = tcbInfo.subarray(128, 144);
  // ATTRIBUTES, XFAM, MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG, RTMR0 to RTMR3; then SERVTD_HASH.
  const td = tdInfo.subarray(0, 400);
  const serviceTds = tdInfo.subarray(400, 448);
  return parseTdReport(concat(seam, td, reportData, teeTcbSvn2, serviceTds), '1.5');
}

/** Why a quote is not about a TD report: each field of the quote that the report has with another value. */
export function quotedReasons(quoted: TdReportBody, report: TdReportBody): readonly Reason[] {
  const wanted = fieldsOf(report);
  return Object.entries(fieldsOf(quoted)).flatMap(([name, value]): readonly Reason[] => {
    const expected = wanted[name];
    if (value === undefined || expected === undefined || equalBytes(value, expected)) return [];
    const detail = `the TD quote has another ${name} than the TD report`;
    return [{ code: 'TD_QUOTE_NOT_FOR_THIS_TD_REPORT', detail, found: toHex(value), wanted: toHex(expected) }];
  });
}

/** Fields by the names that Intel gives them. Those of TDX 1.5 are missing in a quote of version 4. */
function fieldsOf(body: TdReportBody): Readonly<Record<string, Uint8Array | undefined>> {
  return {
    TEE_TCB_SVN: body.teeTcbSvn,
    MRSEAM: body.mrSeam,
    MRSIGNERSEAM: body.mrSignerSeam,
    SEAMATTRIBUTES: body.seamAttributes,
    TDATTRIBUTES: body.tdAttributes,
    XFAM: body.xfam,
    MRTD: body.mrTd,
    MRCONFIGID: body.mrConfigId,
    MROWNER: body.mrOwner,
    MROWNERCONFIG: body.mrOwnerConfig,
    ...Object.fromEntries(body.rtmrs.map((value, index) => [`RTMR${index}`, value])),
    REPORTDATA: body.reportData,
    TEE_TCB_SVN2: body.teeTcbSvn2,
    MRSERVICETD: body.mrServiceTd,
  };
}
