import { ByteReader } from '../byte-reader.ts';
import { isBitSet } from './bits.ts';

/** Length of a report body in bytes. */
export const SGX_REPORT_BYTES = 384;

/**
 * The body of an SGX report: what the processor states of an enclave (Intel SDM volume 3D, "REPORT", without its key id
 * and MAC). Byte fields are views of the input, in the order in which the processor stores them.
 */
export interface SgxReportBody {
  /** 16 bytes; only Intel's tables give them a meaning. */
  readonly cpuSvn: Uint8Array;
  /** 4 bytes. */
  readonly miscSelect: Uint8Array;
  /** 16 bytes: FLAGS, see {@link SGX_FLAGS}, and from byte 8 on XFRM. */
  readonly attributes: Uint8Array;
  /** 32 bytes each. */
  readonly mrEnclave: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  /** Key separation and sharing; all zero in an enclave without it. 16, 16 and 64 bytes. */
  readonly isvExtProdId: Uint8Array;
  readonly isvFamilyId: Uint8Array;
  readonly configId: Uint8Array;
  readonly configSvn: number;
  /** 64 bytes. */
  readonly reportData: Uint8Array;
}

/** Bits of the first 8 bytes of `attributes`, FLAGS, by their numbers (Intel SDM volume 3D, "ATTRIBUTES"). */
export const SGX_FLAGS = {
  init: 0,
  debug: 1,
  mode64bit: 2,
  provisionKey: 4,
  einitTokenKey: 5,
  cet: 6,
  kss: 7,
  aexNotify: 10,
} as const;

/** Whether a flag of {@link SGX_FLAGS} is set. */
export function hasSgxFlag({ attributes }: Pick<SgxReportBody, 'attributes'>, flag: keyof typeof SGX_FLAGS): boolean {
  return isBitSet(attributes, SGX_FLAGS[flag]);
}

/** Reads a report body that fills `bytes`; `what` names it in messages. Throws `MalformedInput`. */
export function parseSgxReport(bytes: Uint8Array, what: string): SgxReportBody {
  const reader = new ByteReader(bytes, what);
  const cpuSvn = reader.take(16);
  const miscSelect = reader.take(4);
  reader.zeros(12);
  const isvExtProdId = reader.take(16);
  const attributes = reader.take(16);
  const mrEnclave = reader.take(32);
  reader.zeros(32);
  const mrSigner = reader.take(32);
  reader.zeros(32);
  const configId = reader.take(64);
  const isvProdId = reader.u16();
  const isvSvn = reader.u16();
  const configSvn = reader.u16();
  reader.zeros(42);
  const isvFamilyId = reader.take(16);
  const reportData = reader.take(64);
  reader.end();
  const identity = { mrEnclave, mrSigner, isvProdId, isvSvn, isvExtProdId, isvFamilyId, configId, configSvn };
  return { cpuSvn, miscSelect, attributes, ...identity, reportData };
}
