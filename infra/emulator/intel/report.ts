import type { SgxReportBody } from '#shared/attestation/dcap/sgx-report.ts';
import type { TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { u16le } from '../bytes.ts';

/** The 384 bytes of an SGX report body; what is left out is zero. */
export function sgxReport(fields: Partial<SgxReportBody>): Uint8Array {
  return concat(
    sized(fields.cpuSvn, 16),
    sized(fields.miscSelect, 4),
    new Uint8Array(12),
    sized(fields.isvExtProdId, 16),
    sized(fields.attributes, 16),
    sized(fields.mrEnclave, 32),
    new Uint8Array(32),
    sized(fields.mrSigner, 32),
    new Uint8Array(32),
    sized(fields.configId, 64),
    u16le(fields.isvProdId ?? 0),
    u16le(fields.isvSvn ?? 0),
    u16le(fields.configSvn ?? 0),
    new Uint8Array(42),
    sized(fields.isvFamilyId, 16),
    sized(fields.reportData, 64),
  );
}

/** The 584 bytes of a TD report body, or 648 with one of the fields of TDX 1.5; what is left out is zero. */
export function tdReport(fields: Partial<TdReportBody>): Uint8Array {
  const { rtmrs, teeTcbSvn2, mrServiceTd } = fields;
  const later = teeTcbSvn2 !== undefined || mrServiceTd !== undefined;
  return concat(
    sized(fields.teeTcbSvn, 16),
    sized(fields.mrSeam, 48),
    sized(fields.mrSignerSeam, 48),
    sized(fields.seamAttributes, 8),
    sized(fields.tdAttributes, 8),
    sized(fields.xfam, 8),
    sized(fields.mrTd, 48),
    sized(fields.mrConfigId, 48),
    sized(fields.mrOwner, 48),
    sized(fields.mrOwnerConfig, 48),
    ...[0, 1, 2, 3].map((index) => sized(rtmrs?.[index], 48)),
    sized(fields.reportData, 64),
    ...(later ? [sized(teeTcbSvn2, 16), sized(mrServiceTd, 48)] : []),
  );
}

/** `value` in a field of `bytes` bytes, zeros behind it. */
function sized(value: Uint8Array | undefined, bytes: number): Uint8Array {
  const field = new Uint8Array(bytes);
  field.set(value ?? field);
  return field;
}
