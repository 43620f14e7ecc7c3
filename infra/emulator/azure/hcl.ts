import { createHash } from 'node:crypto';
import type { AzureHardware } from '#shared/attestation/azure/hcl.ts';
import { concat, EMPTY, utf8 } from '#shared/bytes/bytes.ts';
import { u32le } from '../bytes.ts';

/** What an HCL report is made of. */
export interface HclContents {
  readonly hardware: AzureHardware;
  /** 1184 bytes of SEV-SNP, or 1024 of TDX. */
  readonly hardwareReport: Uint8Array;
  readonly runtimeClaims: Uint8Array;
}

/** How a test bends the headers; every field left out is as the paravisor writes it. */
export interface HclDefects {
  readonly signature?: string;
  readonly version?: number;
  readonly reportBytes?: number;
  readonly requestType?: number;
  readonly status?: number;
  readonly reserved?: Uint8Array;
  /** Behind a TD report, up to the 1184 bytes of the area. */
  readonly areaRest?: Uint8Array;
  readonly dataBytes?: number;
  readonly runtimeVersion?: number;
  readonly reportType?: number;
  readonly hashType?: number;
  readonly claimsBytes?: number;
  /** Takes the place of the zeros behind the report. */
  readonly rest?: Uint8Array;
}

/** Bytes of NV index 0x01400001. */
const NV_BYTES = 2600;
const AREA_BYTES = 1184;
const REQUEST_TYPE = 2;
const HASH_SHA256 = 1;
const TYPES = { 'SEV-SNP': { version: 1, report: 2 }, TDX: { version: 2, report: 4 } } as const;

/** The 64 bytes of report data that the hardware is asked for: the SHA-256 of the runtime claims, then zeros. */
export function hclReportData(claims: Uint8Array, hash = 'sha256'): Uint8Array {
  const reportData = new Uint8Array(64);
  reportData.set(createHash(hash).update(claims).digest());
  return reportData;
}

/** An HCL report as the NV index holds it, zeros behind its end. */
export function mintHclReport(
  { hardware, hardwareReport, runtimeClaims }: HclContents,
  defects: HclDefects = {},
): Uint8Array {
  const reportBytes = 32 + AREA_BYTES + 20 + runtimeClaims.length;
  const header = concat(
    utf8(defects.signature ?? 'HCLA'),
    u32le(defects.version ?? TYPES[hardware].version),
    u32le(defects.reportBytes ?? reportBytes),
    u32le(defects.requestType ?? REQUEST_TYPE),
    u32le(defects.status ?? 0),
    defects.reserved ?? new Uint8Array(12),
  );
  const areaRest = defects.areaRest ?? new Uint8Array(AREA_BYTES - hardwareReport.length);
  const runtimeHeader = concat(
    u32le(defects.dataBytes ?? 20 + runtimeClaims.length),
    u32le(defects.runtimeVersion ?? 1),
    u32le(defects.reportType ?? TYPES[hardware].report),
    u32le(defects.hashType ?? HASH_SHA256),
    u32le(defects.claimsBytes ?? runtimeClaims.length),
  );
  const rest = defects.rest ?? (reportBytes < NV_BYTES ? new Uint8Array(NV_BYTES - reportBytes) : EMPTY);
  return concat(header, hardwareReport, areaRest, runtimeHeader, runtimeClaims, rest);
}
