import type { DigestName } from '../../crypto/port.ts';
import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';

/** Hardware that an HCL report can be about. */
export type AzureHardware = 'SEV-SNP' | 'TDX';

/**
 * The report that the paravisor of an Azure confidential VM keeps in its vTPM (NV index 0x01400001): a report of the
 * hardware, and runtime claims whose hash the hardware report holds. Layout: `IgvmAttestRequestBase` of Microsoft's
 * OpenHCL. Its headers are not measured. Byte fields are views of the input.
 */
export interface HclReport {
  readonly version: 1 | 2;
  /** Bytes up to the end of the runtime claims; the NV index goes on with zeros. */
  readonly reportBytes: number;
  readonly hardware: AzureHardware;
  /** The hardware's report: 1184 bytes of SEV-SNP, or 1024 of TDX. */
  readonly hardwareReport: Uint8Array;
  /** What the hash over the runtime claims is made with. */
  readonly hash: DigestName;
  /** The runtime claims: JSON, the exact bytes that are hashed. */
  readonly runtimeClaims: Uint8Array;
}

/** The index has 2600 bytes, on older machines 2048. */
export const HCL_BYTES_MAX = 4096;

/** IGVM_ATTEST_REQUEST type of the report in the vTPM, and version of what follows the hardware report. */
const REQUEST_TYPE = 2;
const RUNTIME_VERSION = 1;

/** Numbers of the hardware and of the hashes. */
const HARDWARE: Readonly<Record<number, AzureHardware>> = { 2: 'SEV-SNP', 4: 'TDX' };
const HASHES: Readonly<Record<number, DigestName>> = { 1: 'sha256', 2: 'sha384', 3: 'sha512' };

const SIGNATURE = 'HCLA';
const HEADER_BYTES = 32;
const HARDWARE_BYTES = 1184;
const RUNTIME_HEADER_BYTES = 20;
const TD_REPORT_BYTES = 1024;

/** Parses an HCL report, alone or followed by the zeros of its NV index. Throws `MalformedInput`. */
export function parseHclReport(bytes: Uint8Array): HclReport {
  if (bytes.length > HCL_BYTES_MAX) malformed(`HCL report of ${bytes.length} bytes; at most ${HCL_BYTES_MAX}`);
  const reader = new ByteReader(bytes, 'HCL report');
  const { version, reportBytes } = readHeader(reader);
  const area = new ByteReader(reader.take(HARDWARE_BYTES), 'hardware report');
  const { hardware, hash, claimsBytes } = readRuntimeHeader(reader);
  const runtimeClaims = reader.take(claimsBytes);
  const wanted = HEADER_BYTES + HARDWARE_BYTES + RUNTIME_HEADER_BYTES + claimsBytes;
  if (reportBytes !== wanted) malformed(`HCL report that says it has ${reportBytes} bytes, not ${wanted}`);
  if (reader.rest().some((byte) => byte !== 0)) malformed('bytes other than zeros behind the HCL report');
  const hardwareReport = area.take(hardware === 'TDX' ? TD_REPORT_BYTES : HARDWARE_BYTES);
  if (area.rest().some((byte) => byte !== 0)) malformed('bytes other than zeros behind the TD report');
  return { version, reportBytes, hardware, hardwareReport, hash, runtimeClaims };
}

function readHeader(reader: ByteReader): Pick<HclReport, 'version' | 'reportBytes'> {
  if (String.fromCharCode(...reader.take(SIGNATURE.length)) !== SIGNATURE) malformed('not an HCL report');
  const version = reader.u32();
  if (version !== 1 && version !== 2) return malformed(`HCL report of version ${version}, not 1 or 2`);
  const reportBytes = reader.u32();
  const type = reader.u32();
  if (type !== REQUEST_TYPE) malformed(`HCL report of request type ${type}, not ${REQUEST_TYPE}`);
  const status = reader.u32();
  if (status !== 0) malformed(`HCL report with status ${status}: the paravisor could not make it`);
  reader.zeros(12);
  return { version, reportBytes };
}

interface RuntimeHeader extends Pick<HclReport, 'hardware' | 'hash'> {
  readonly claimsBytes: number;
}

function readRuntimeHeader(reader: ByteReader): RuntimeHeader {
  const dataBytes = reader.u32();
  const version = reader.u32();
  if (version !== RUNTIME_VERSION) malformed(`HCL runtime data of version ${version}`);
  const hardware = HARDWARE[reader.u32()] ?? malformed('HCL report of hardware that is neither SEV-SNP nor TDX');
  const hash = HASHES[reader.u32()] ?? malformed('HCL report with a hash that is not SHA-2');
  const claimsBytes = reader.u32();
  if (dataBytes !== RUNTIME_HEADER_BYTES + claimsBytes) {
    malformed(`HCL runtime data of ${dataBytes} bytes around ${claimsBytes} of claims`);
  }
  return { hardware, hash, claimsBytes };
}
