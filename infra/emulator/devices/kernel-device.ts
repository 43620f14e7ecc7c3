import { join } from 'node:path';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { AcceptedRoot } from '#shared/attestation/policy.ts';
import type { DevicePlace, EmulatedDevice } from '../device.ts';
import type { Mount } from '../kernel/kernel.ts';
import { preloadFlags, serveKernel } from '../kernel/server.ts';
import { writeEndorsements } from './endorsement-files.ts';

/** A device that a kernel shows as files. */
export interface KernelFiles {
  readonly platform: EmulatedDevice['platform'];
  readonly mount: Mount;
  /** Reference values of the bundle that runs. */
  readonly accepted: {
    readonly measurements: Readonly<Record<string, string>>;
    readonly minimums?: Readonly<Record<string, number>>;
  };
  readonly root: AcceptedRoot;
  /** What goes to the host, by the beginning of the files' names. */
  readonly endorsements: Readonly<Record<string, Endorsement>>;
}

/** Shows the files to the enclave, and puts the endorsements where its host finds them. */
export async function kernelDevice(
  { runFolder }: Pick<DevicePlace, 'runFolder'>,
  { platform, mount, accepted, root, endorsements }: KernelFiles,
): Promise<EmulatedDevice> {
  const endorsementsFolder = await writeEndorsements(runFolder, endorsements);
  const kernel = await serveKernel([mount], join(runFolder, 'kernel.sock'));
  return {
    platform,
    policy: { enclaves: [{ name: 'the bundle that runs', platform, ...accepted }], roots: [root] },
    flags: ['--attester', platform],
    socketPath: kernel.socketPath,
    access: { nodeFlags: preloadFlags(kernel) },
    endorsementsFolder,
    close: kernel.close,
  };
}
