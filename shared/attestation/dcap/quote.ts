import { toHex } from '../../bytes/bytes.ts';
import { malformed } from '../malformed.ts';
import { ByteReader } from './byte-reader.ts';
import type { SgxReportBody } from './sgx-report.ts';
import { parseSgxReport, SGX_REPORT_BYTES } from './sgx-report.ts';
import type { SignatureData } from './signature-data.ts';
import { parseSignatureData } from './signature-data.ts';
import type { TdReportBody } from './td-report.ts';
import { parseTdReport, TD_REPORT_BYTES } from './td-report.ts';

/** The kinds of TEE that Intel's quotes are for. */
export type Tee = 'SGX' | 'TDX';

/** An ECDSA quote of Intel DCAP, version 3, 4 or 5. Byte fields are views of the input. */
export interface Quote {
  readonly version: 3 | 4 | 5;
  readonly header: QuoteHeader;
  readonly body: QuoteBody;
  /** Header and body as they were signed by the attestation key. */
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

/** What a quote vouches for. */
export type QuoteBody =
  | { readonly tee: 'SGX'; readonly report: SgxReportBody }
  | { readonly tee: 'TDX'; readonly report: TdReportBody };

/** The kernel gives no longer quote (configfs-tsm: 32 KiB); genuine ones have 5 KB and are padded to at most 8000 bytes. */
const MAX_QUOTE_BYTES = 32 * 1024;
const TEE_TYPES: Readonly<Record<Tee, number>> = { SGX: 0x00, TDX: 0x81 };
/** ECDSA on P-256 with SHA-256, the only type that quoting enclaves of Intel use. */
const ATTESTATION_KEY_ECDSA_P256 = 2;
const INTEL_VENDOR_ID = '939a7233f79c4ca9940a0db3957f0607';
const HEADER_USER_DATA_BYTES = 20;

/**
 * Parses a quote for a TEE of the kind `tee` by Intel's quote format (DCAP Quoting Library API, "Quote Format"; for
 * version 5 with a body descriptor). Platforms hand out quotes in buffers that are too long: zeros behind its end are
 * no part of it, anything else there is refused. Throws `MalformedInput`.
 */
export function parseQuote(bytes: Uint8Array, tee: Tee): Quote {
  if (bytes.length > MAX_QUOTE_BYTES) malformed(`quote of ${bytes.length} bytes; at most ${MAX_QUOTE_BYTES}`);
  const reader = new ByteReader(bytes, 'quote');
  const { version, ...header } = readHeader(reader, tee);
  const body = version === 5 ? readDescribedBody(reader, tee) : readBody(reader, tee === 'SGX' ? 'SGX' : '1.0');
  const signed = bytes.subarray(0, reader.offset);
  const proof = parseSignatureData(reader.take(reader.u32()), version);
  if (reader.rest().some((byte) => byte !== 0)) malformed('bytes other than zeros behind the quote', 'TRAILING_DATA');
  return { version, header, body, signed, proof };
}

function readHeader(reader: ByteReader, tee: Tee): QuoteHeader & Pick<Quote, 'version'> {
  const version = reader.u16();
  if (version !== 3 && version !== 4 && version !== 5) return malformed(`quote version ${version}, not 3, 4 or 5`);
  const keyType = reader.u16();
  if (keyType !== ATTESTATION_KEY_ECDSA_P256) {
    malformed(`quote attestation key type ${keyType}, not ${ATTESTATION_KEY_ECDSA_P256} (ECDSA P-256)`);
  }
  const teeType = reader.u32();
  if (teeType !== TEE_TYPES[tee]) malformed(`quote of TEE type 0x${teeType.toString(16)}, not that of ${tee}`);
  if (version === 3 && tee !== 'SGX') malformed('quote version 3, which is for SGX only');
  // Reserved from version 4 on, and signed: a value there changes nothing that is read.
  const [first, second] = [reader.u16(), reader.u16()];
  const svns = version === 3 ? { qeSvn: first, pceSvn: second } : { qeSvn: undefined, pceSvn: undefined };
  const vendor = toHex(reader.take(16));
  if (vendor !== INTEL_VENDOR_ID) malformed(`quote of the QE vendor ${vendor}, who is not Intel`);
  return { version, ...svns, userData: reader.take(HEADER_USER_DATA_BYTES) };
}

type BodyKind = 'SGX' | keyof typeof TD_REPORT_BYTES;

/** "Quote Body Descriptor" types of version 5. */
const BODY_TYPES: ReadonlyMap<number, BodyKind> = new Map([
  [1, 'SGX'],
  [2, '1.0'],
  [3, '1.5'],
]);

function readDescribedBody(reader: ByteReader, tee: Tee): QuoteBody {
  const type = reader.u16();
  const kind = BODY_TYPES.get(type);
  if (kind === undefined || (kind === 'SGX') !== (tee === 'SGX')) {
    return malformed(`quote body of type ${type}, which is none of ${tee}`);
  }
  const size = reader.u32();
  if (size !== bodyBytes(kind)) malformed(`quote body of type ${type} with ${size} bytes, not ${bodyBytes(kind)}`);
  return readBody(reader, kind);
}

function readBody(reader: ByteReader, kind: BodyKind): QuoteBody {
  const bytes = reader.take(bodyBytes(kind));
  return kind === 'SGX'
    ? { tee: 'SGX', report: parseSgxReport(bytes, 'SGX report') }
    : { tee: 'TDX', report: parseTdReport(bytes, kind) };
}

function bodyBytes(kind: BodyKind): number {
  return kind === 'SGX' ? SGX_REPORT_BYTES : TD_REPORT_BYTES[kind];
}
