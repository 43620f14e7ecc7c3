import { createHash } from 'node:crypto';
import type { TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { PLAIN_TEE_TCB_SVN } from '../intel/tcb.ts';
import type { Measured } from '../measured.ts';

const REGISTER_BYTES = 48;
/** SEPT_VE_DISABLE, bit 28. */
const TD_ATTRIBUTES = Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0);
/** x87, SSE, AVX and AVX-512, as a guest with a general-purpose kernel has them. */
const XFAM = Uint8Array.of(0xe7, 0, 0, 0, 0, 0, 0, 0);

/**
 * A trust domain that has measured what runs in it: the runtime as what it was built from (MRTD), the bundle as the
 * kernel image that firmware started (RTMR1).
 */
export function trustDomain({ bundle, runtime }: Measured): Partial<TdReportBody> {
  const zero = new Uint8Array(REGISTER_BYTES);
  return {
    teeTcbSvn: PLAIN_TEE_TCB_SVN,
    mrSeam: sha384('EMULATED TDX module'),
    tdAttributes: TD_ATTRIBUTES,
    xfam: XFAM,
    mrTd: runtime.sha384,
    rtmrs: [zero, sha384(zero, bundle.sha384), zero, zero],
  };
}

/** Reference values of a domain: all that tell what runs in it. */
export function domainMeasurements({ mrTd, rtmrs }: Partial<TdReportBody>): Readonly<Record<string, string>> {
  const registers = (rtmrs ?? []).slice(0, 3).map((value, index) => [`RTMR${index}`, toHex(value)] as const);
  return { MRTD: toHex(mrTd ?? new Uint8Array(REGISTER_BYTES)), ...Object.fromEntries(registers) };
}

function sha384(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const hash = createHash('sha384');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
