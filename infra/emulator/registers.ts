import { createHash } from 'node:crypto';

/** Bytes of a platform configuration register: SHA-384. */
const PCR_BYTES = 48;
/** Registers that the device has and, once locked, shows in a document. */
export const PCR_COUNT = 16;

/** What the emulator measures. */
export interface Measured {
  /** SHA-384 of the enclave bundle, 48 bytes. */
  readonly bundle: Uint8Array;
  /** SHA-384 of the runtime that runs it, 48 bytes. */
  readonly runtime: Uint8Array;
  readonly instanceId: string;
}

/**
 * Registers of an emulated enclave: 0 (image) and 2 (application) are the bundle, 1 (kernel and boot) is the runtime
 * that stands in for them, 4 is the instance id; the rest is zero, as on an instance without a role and with an
 * unsigned image.
 */
export function registersOf(measured: Measured): ReadonlyMap<number, Uint8Array> {
  const pcrs = debugRegisters();
  pcrs.set(0, measured.bundle);
  pcrs.set(1, measured.runtime);
  pcrs.set(2, measured.bundle);
  pcrs.set(4, createHash('sha384').update(measured.instanceId).digest());
  return pcrs;
}

/** All zero: what a device shows for an enclave in debug mode, whose memory its operator can read. */
export function debugRegisters(): Map<number, Uint8Array> {
  return new Map(Array.from({ length: PCR_COUNT }, (_, index) => [index, new Uint8Array(PCR_BYTES)]));
}
