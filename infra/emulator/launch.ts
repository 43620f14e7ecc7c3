import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Platform } from '#shared/attestation/platforms.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import type { EmulatedDevice } from './device.ts';
import { DEFAULT_PLATFORM, deviceMaker } from './devices/table.ts';
import { digestsOf } from './measured.ts';
import { type EnclavePermissions, type EnclaveProcess, spawnEnclave, supervise } from './supervise.ts';
import type { Surroundings } from './surroundings.ts';

/** What to launch, and where. */
export interface LaunchOptions {
  readonly bundlePath: string;
  /** Folder that keeps the emulated vendors' roots; made on first use, private to its owner. */
  readonly folder: string;
  /** The device to play, a name of `EMULATED_PLATFORMS`; AWS Nitro when left out. */
  readonly platform?: string;
  /** Arguments of the bundle, or what gives them when it is told how the enclave finds its device. */
  readonly args: readonly string[] | ((reach: DeviceReach) => readonly string[]);
  /** Environment of the enclave besides the allocator settings; nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the enclave's output goes; this process's own by default. */
  readonly stdio?: { readonly stdout: Writable; readonly stderr: Writable };
  /** What the enclave may do besides reading its own bundle and using sockets. */
  readonly permissions?: EnclavePermissions;
  /** How long the enclave may take to end by itself when it is told to stop. */
  readonly stopGraceMs?: number;
  readonly surroundings?: Surroundings;
}

/** How an enclave finds its device. */
export interface DeviceReach {
  /** Flags of the enclave. */
  readonly flags: readonly string[];
  /** Socket on which the device answers. */
  readonly socketPath: string;
  /** The private folder, where the enclave may open sockets of its own; it is removed with all it holds at the end. */
  readonly runFolder: string;
}

/** A running emulated enclave. */
export interface EmulatedEnclave {
  readonly platform: Platform;
  /** Accepts this enclave and no other. */
  readonly policy: EmulatedDevice['policy'];
  /** SHA-384 of the bundle that runs, lower-case hex: `PCR0` on AWS Nitro. */
  readonly pcr0: string;
  /** SHA-256 of the emulated vendor's root, lower-case hex: what a policy must name. */
  readonly rootSha256: string;
  /** Socket on which the device answers. */
  readonly socketPath: string;
  /** Folder for the host's `--endorsements`, where verification needs some that evidence does not carry. */
  readonly endorsementsFolder: string | undefined;
  /** The private copy that was measured and runs. */
  readonly measuredPath: string;
  readonly process: EnclaveProcess;
}

const SYSTEM: Surroundings = { now: () => Date.now(), randomBytes: (count) => randomBytes(count) };

/**
 * Plays a platform: copies the bundle into a private folder, measures that copy, serves a device that attests to it and
 * starts the copy under Node's permission model. On SIGTERM or SIGINT it stops the enclave and then, unless somebody
 * else listens for the signal, lets it end this process.
 * @throws Fault - CONFIG_INVALID: no bundle, no such platform, or a program that the platform needs is missing
 */
export async function launchEmulated(options: LaunchOptions): Promise<EmulatedEnclave> {
  const makeDevice = deviceMaker(options.platform ?? DEFAULT_PLATFORM);
  const surroundings = options.surroundings ?? SYSTEM;
  const runFolder = await mkdtemp(join(tmpdir(), 'cloister-emulated-'));
  let device: EmulatedDevice | undefined;
  const clean = async (): Promise<void> => {
    await device?.close();
    await rm(runFolder, { recursive: true, force: true });
  };
  try {
    const measuredPath = await privateCopy(options.bundlePath, runFolder);
    const [bundle, runtime] = await Promise.all([digestsOf(measuredPath), digestsOf(process.execPath)]);
    device = await makeDevice({ folder: options.folder, runFolder, measured: { bundle, runtime }, surroundings });
    const { flags, socketPath, access } = device;
    const child = await spawnEnclave({
      measuredPath,
      args: typeof options.args === 'function' ? options.args({ flags, socketPath, runFolder }) : options.args,
      env: options.env ?? {},
      permissions: options.permissions ?? {},
      access,
    });
    return describe(device, measuredPath, toHex(bundle.sha384), supervise(child, { ...options, clean }));
  } catch (error) {
    await clean();
    throw error;
  }
}

function describe(
  device: EmulatedDevice,
  measuredPath: string,
  pcr0: string,
  running: EnclaveProcess,
): EmulatedEnclave {
  const { platform, policy, socketPath, endorsementsFolder } = device;
  const [root] = policy.roots;
  assert(root !== undefined, 'a device whose policy names no root');
  return {
    platform,
    policy,
    pcr0,
    rootSha256: root.sha256,
    socketPath,
    endorsementsFolder,
    measuredPath,
    process: running,
  };
}

/** What runs is what was measured: nobody but us can write to the copy, whatever becomes of the original. */
async function privateCopy(bundlePath: string, runFolder: string): Promise<string> {
  // The suffix makes Node read it as a module without looking for a package.json, which it may not read.
  const measuredPath = join(runFolder, 'enclave.mjs');
  try {
    await copyFile(bundlePath, measuredPath);
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `cannot read the enclave bundle ${bundlePath}; build it first`, { cause });
  }
  await chmod(measuredPath, 0o400);
  return measuredPath;
}
