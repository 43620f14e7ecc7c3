import { toHex } from '../../bytes/bytes.ts';
import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';
import type { SgxReportBody } from './sgx-report.ts';
import { parseSgxReport, SGX_REPORT_BYTES } from './sgx-report.ts';
import type { SignatureData } from './signature-data.ts';
import { parseSignatureData } from './signature-data.ts';
import type { TdReportBody } from './td-report.ts';
import { parseTdReport, TD_REPORT_BYTES } from './td-report.ts';

/** The kinds of TEE that Intel's quotes are for. */
export type Tee = 'SGX' | 'TDX';

/** An ECDSA quote of Intel DCAP, version 3, 4 or 5, and the report that it vouches for. Byte fields are views of the input. */
export interface Quote<Report = unknown> {
  readonly version: 3 | 4 | 5;
  readonly header: QuoteHeader;
  readonly report: Report;
  /** Header and report, and in version 5 what describes the report, as they were signed by the attestation key. */
  readonly signed: Uint8Array;
  readonly proof: SignatureData;
}

/** What a quote says of its making. */
export interface QuoteHeader {
  /** Versions of the quoting enclave and of the provisioning certification enclave: version 3 only, else `undefined`. */
  readonly qeSvn: number | undefined;
  readonly pceSvn: number | undefined;
  /** 20 bytes; Intel's quoting enclaves put an identifier of theirs in the first 16. */
  readonly userData: Uint8Array;
}

/** The kernel gives no longer quote (configfs-tsm: 32 KiB); genuine ones have 5 KB and are padded to at most 8000 bytes. */
const MAX_QUOTE_BYTES = 32 * 1024;
const TEE_TYPES: Readonly<Record<Tee, number>> = { SGX: 0x00, TDX: 0x81 };
/** ECDSA on P-256 with SHA-256, the only type that quoting enclaves of Intel use. */
const ATTESTATION_KEY_ECDSA_P256 = 2;
/** Hexadecimal: the quoting enclaves that Intel makes. */
export const INTEL_QE_VENDOR_ID = '939a7233f79c4ca9940a0db3957f0607';
const HEADER_USER_DATA_BYTES = 20;

/** Parses an SGX quote, see {@link parseQuote}. Throws `MalformedInput`. */
export function parseSgxQuote(bytes: Uint8Array): Quote<SgxReportBody> {
  return parseQuote(bytes, 'SGX', (reader, version) => {
    if (version === 5) readDescriptor(reader, [{ type: 1, bytes: SGX_REPORT_BYTES }]);
    return parseSgxReport(reader.take(SGX_REPORT_BYTES), 'SGX report');
  });
}

/** Parses a TDX quote, see {@link parseQuote}. Throws `MalformedInput`. */
export function parseTdQuote(bytes: Uint8Array): Quote<TdReportBody> {
  return parseQuote(bytes, 'TDX', (reader, version) => {
    if (version === 3) malformed('quote version 3, which is for SGX only');
    const described = version === 5 ? readDescriptor(reader, TD_BODIES) : TD_BODIES[0];
    return parseTdReport(reader.take(described.bytes), described.report);
  });
}

/** "Quote Body Descriptor" of version 5: a type, and the length that goes with it. */
interface BodyDescriptor {
  readonly type: number;
  readonly bytes: number;
}

const TD_BODIES = [
  { type: 2, bytes: TD_REPORT_BYTES['1.0'], report: '1.0' },
  { type: 3, bytes: TD_REPORT_BYTES['1.5'], report: '1.5' },
] as const;

function readDescriptor<T extends BodyDescriptor>(reader: ByteReader, known: readonly T[]): T {
  const type = reader.u16();
  const bytes = reader.u32();
  const described = known.find((body) => body.type === type);
  if (described === undefined) return malformed(`quote body of type ${type}, which is none of its TEE`);
  if (bytes !== described.bytes) malformed(`quote body of type ${type} with ${bytes} bytes, not ${described.bytes}`);
  return described;
}

/**
 * Parses a quote by Intel's quote format (DCAP Quoting Library API, "Quote Format"). Platforms hand out quotes in
 * buffers that are too long: zeros behind its end are no part of it, anything else there is refused.
 */
function parseQuote<Report>(
  bytes: Uint8Array,
  tee: Tee,
  readReport: (reader: ByteReader, version: Quote['version']) => Report,
): Quote<Report> {
  if (bytes.length > MAX_QUOTE_BYTES) malformed(`quote of ${bytes.length} bytes; at most ${MAX_QUOTE_BYTES}`);
  const reader = new ByteReader(bytes, 'quote');
  const { version, ...header } = readHeader(reader, tee);
  const report = readReport(reader, version);
  const signed = bytes.subarray(0, reader.offset);
  const proof = parseSignatureData(reader.take(reader.u32()), version);
  if (reader.rest().some((byte) => byte !== 0)) malformed('bytes other than zeros behind the quote', 'TRAILING_DATA');
  return { version, header, report, signed, proof };
}

function readHeader(reader: ByteReader, tee: Tee): QuoteHeader & Pick<Quote, 'version'> {
  const version = reader.u16();
  if (version !== 3 && version !== 4 && version !== 5) return malformed(`quote version ${version}, not 3, 4 or 5`);
  const keyType = reader.u16();
  if (keyType !== ATTESTATION_KEY_ECDSA_P256) {
    malformed(`quote attestation key type ${keyType}, not ${ATTESTATION_KEY_ECDSA_P256} (ECDSA P-256)`);
  }
  const teeType = reader.u32();
  if (teeType !== TEE_TYPES[tee]) malformed(`quote of TEE type 0x${teeType.toString(16)}, which is not ${tee}`);
  // Reserved from version 4 on, and signed: whatever stands there decides nothing.
  const [first, second] = [reader.u16(), reader.u16()];
  const svns = version === 3 ? { qeSvn: first, pceSvn: second } : { qeSvn: undefined, pceSvn: undefined };
  const vendor = toHex(reader.take(16));
  if (vendor !== INTEL_QE_VENDOR_ID) malformed(`quote of the QE vendor ${vendor}, who is not Intel`);
  return { version, ...svns, userData: reader.take(HEADER_USER_DATA_BYTES) };
}
