import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';
import type { SgxReportBody } from './sgx-report.ts';
import { parseSgxReport, SGX_REPORT_BYTES } from './sgx-report.ts';

/**
 * What proves a quote ("ECDSA 256-bit Quote Signature Data Structure" of Intel's quote format): the attestation key's
 * signature, and the quoting enclave's report that vouches for that key. Byte fields are views of the input.
 */
export interface SignatureData {
  /** R and S, 32 bytes each, over header and body. */
  readonly signature: Uint8Array;
  /** X and Y of a point of P-256, 32 bytes each. */
  readonly attestationKey: Uint8Array;
  /** The report as it was signed, and its fields. */
  readonly qeReportBytes: Uint8Array;
  readonly qeReport: SgxReportBody;
  /** R and S by the platform's provisioning certification key (PCK), over the report. */
  readonly qeReportSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  readonly certification: CertificationData;
}

/** How the quoting enclave names the PCK, see {@link CERTIFICATION}. */
export interface CertificationData {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Types of certification data ("QE Certification Data"). The first three identify a PCK certificate without holding it. */
export const CERTIFICATION = {
  plainPpid: 1,
  encryptedPpid2048: 2,
  encryptedPpid3072: 3,
  pckCertificate: 4,
  pckChain: 5,
  qeReport: 6,
} as const;

const SIGNATURE_BYTES = 64;
const KEY_BYTES = 64;

/** Parses signature data that fills `bytes`, laid out as in quotes of `version`. Throws `MalformedInput`. */
export function parseSignatureData(bytes: Uint8Array, version: 3 | 4 | 5): SignatureData {
  const reader = new ByteReader(bytes, 'quote signature data');
  const signature = reader.take(SIGNATURE_BYTES);
  const attestationKey = reader.take(KEY_BYTES);
  // From version 4 on everything about the quoting enclave is itself certification data.
  const rest = version === 3 ? reader.rest() : readQeReportData(reader);
  return { signature, attestationKey, ...parseQeReportData(rest) };
}

function readQeReportData(reader: ByteReader): Uint8Array {
  const { type, bytes } = readCertification(reader);
  if (type !== CERTIFICATION.qeReport)
    malformed(`quote certification data of type ${type}, not ${CERTIFICATION.qeReport}`);
  reader.end();
  return bytes;
}

/** "QE Report Certification Data", which version 3 holds without a type and a length around it. */
function parseQeReportData(bytes: Uint8Array): Omit<SignatureData, 'signature' | 'attestationKey'> {
  const reader = new ByteReader(bytes, 'QE report certification data');
  const qeReportBytes = reader.take(SGX_REPORT_BYTES);
  const qeReport = parseSgxReport(qeReportBytes, 'QE report');
  const qeReportSignature = reader.take(SIGNATURE_BYTES);
  const qeAuthData = reader.take(reader.u16());
  const certification = readCertification(reader);
  reader.end();
  const { type } = certification;
  if (type < CERTIFICATION.plainPpid || type > CERTIFICATION.pckChain) {
    malformed(`QE certification data of type ${type}, not 1 to ${CERTIFICATION.pckChain}`);
  }
  return { qeReportBytes, qeReport, qeReportSignature, qeAuthData, certification };
}

function readCertification(reader: ByteReader): CertificationData {
  const type = reader.u16();
  return { type, bytes: reader.take(reader.u32()) };
}
