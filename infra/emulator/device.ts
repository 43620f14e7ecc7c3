import type { Platform } from '#shared/attestation/platforms.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { Measured } from './measured.ts';
import type { Surroundings } from './surroundings.ts';

/** What a device is made of: where it keeps its keys, what it has measured. */
export interface DevicePlace {
  /** Keeps the roots of this machine's emulated vendors; private to its owner. */
  readonly folder: string;
  /** Private folder of this start, removed at the end: sockets and programs. */
  readonly runFolder: string;
  readonly measured: Measured;
  readonly surroundings: Surroundings;
}

/** A device of one platform that vouches for the bundle that it has measured, and for nothing else. */
export interface EmulatedDevice {
  readonly platform: Platform;
  /** Accepts the measured bundle on this device and no other: for a manifest, or for a participant's own file. */
  readonly policy: AppraisalPolicy & { readonly roots: NonNullable<AppraisalPolicy['roots']> };
  /** The enclave's flags that lead it to the device. */
  readonly flags: readonly string[];
  /** Socket on which the device answers. */
  readonly socketPath: string;
  readonly access: EnclaveAccess;
  /** Folder for the host's `--endorsements`; `undefined` where evidence carries all that it needs. */
  readonly endorsementsFolder?: string;
  close(): Promise<void>;
}

/** What the enclave's process is given besides its bundle, so that it reaches the device as it would on hardware. */
export interface EnclaveAccess {
  /** Flags of Node that put pseudo files below the bundle. */
  readonly nodeFlags?: readonly string[];
  /** Files that the adapter looks for, such as a device's socket. */
  readonly readPaths?: readonly string[];
  /** Where the platform's programs are, which its adapter runs. Allows child processes. */
  readonly programs?: string;
  /** Variables that those programs need. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder in which the adapter may leave files for those programs. */
  readonly scratch?: string;
}

/** Makes a device. */
export type DeviceMaker = (place: DevicePlace) => Promise<EmulatedDevice>;
