import { ByteReader } from '../byte-reader.ts';
import { isBitSet } from './bits.ts';

/** Length of a TD report body in bytes, by its version: TDX 1.0, and 1.5, which adds two fields at the end. */
export const TD_REPORT_BYTES = { '1.0': 584, '1.5': 648 } as const;

/**
 * The body of a TD report: what the TDX module states of a trust domain ("TD Quote Body" of Intel's quote format, from
 * TDINFO and TEE_TCB_INFO). Byte fields are views of the input, in the order in which the module stores them.
 */
export interface TdReportBody {
  /** 16 bytes, one component each: 0 the version of the module, 1 its major number (the `TDX_01` of Intel's tables). */
  readonly teeTcbSvn: Uint8Array;
  /** 48 bytes each; the signer is zero for a module that Intel signed. */
  readonly mrSeam: Uint8Array;
  readonly mrSignerSeam: Uint8Array;
  /** 8 bytes each. */
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: Uint8Array;
  readonly xfam: Uint8Array;
  /** 48 bytes each. */
  readonly mrTd: Uint8Array;
  readonly mrConfigId: Uint8Array;
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  /** RTMR0 to RTMR3, 48 bytes each. */
  readonly rtmrs: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  /** 64 bytes. */
  readonly reportData: Uint8Array;
  /** Of TDX 1.5 only: what the platform runs now, where `teeTcbSvn` is what it ran when the TD was launched. 16 bytes. */
  readonly teeTcbSvn2?: Uint8Array;
  /** Of TDX 1.5 only: digest of the service TDs bound to this one. 48 bytes. */
  readonly mrServiceTd?: Uint8Array;
}

/** Bits of `tdAttributes` by their numbers (Intel TDX Module 1.5 ABI Specification, "ATTRIBUTES"). */
export const TD_FLAGS = { lass: 27, septVeDisable: 28, migratable: 29, pks: 30, kl: 31, perfmon: 63 } as const;

/** The first bits of `tdAttributes`, the group TUD, "TD under debug": with any of them the host can look into the TD. */
export const TUD_BITS = [0, 1, 2, 3, 4, 5, 6, 7] as const;

/** Whether a flag of {@link TD_FLAGS} is set. */
export function hasTdFlag({ tdAttributes }: Pick<TdReportBody, 'tdAttributes'>, flag: keyof typeof TD_FLAGS): boolean {
  return isBitSet(tdAttributes, TD_FLAGS[flag]);
}

/** Whether any bit of {@link TUD_BITS} is set. */
export function isUnderDebug({ tdAttributes }: Pick<TdReportBody, 'tdAttributes'>): boolean {
  return TUD_BITS.some((bit) => isBitSet(tdAttributes, bit));
}

/** Reads a TD report body of `version` that fills `bytes`. Throws `MalformedInput`. */
export function parseTdReport(bytes: Uint8Array, version: keyof typeof TD_REPORT_BYTES): TdReportBody {
  const reader = new ByteReader(bytes, 'TD report');
  const digest = (): Uint8Array => reader.take(48);
  const teeTcbSvn = reader.take(16);
  const seam = { mrSeam: digest(), mrSignerSeam: digest(), seamAttributes: reader.take(8) };
  const td = { tdAttributes: reader.take(8), xfam: reader.take(8), mrTd: digest() };
  const owner = { mrConfigId: digest(), mrOwner: digest(), mrOwnerConfig: digest() };
  const rtmrs = [digest(), digest(), digest(), digest()] as const;
  const reportData = reader.take(64);
  const later = version === '1.5' ? { teeTcbSvn2: reader.take(16), mrServiceTd: digest() } : {};
  reader.end();
  return { teeTcbSvn, ...seam, ...td, ...owner, rtmrs, reportData, ...later };
}
