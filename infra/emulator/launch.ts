import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { measureFile } from '#client/cli/measure-file.ts';
import { ALLOCATOR, ENCLAVE_FLAGS } from '#infra/runtime.ts';
import { fromHex, toHex } from '#shared/bytes/bytes.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import { nsmDevice } from './nsm-device.ts';
import { type NsmServer, serveNsm } from './nsm-server.ts';
import type { Surroundings } from './pki.ts';
import { registersOf } from './registers.ts';
import { loadOrCreateRoot } from './root.ts';

/** What to launch, and where. */
export interface LaunchOptions {
  readonly bundlePath: string;
  /** Folder that keeps the emulator's root; made on first use, private to its owner. */
  readonly folder: string;
  /**
   * Arguments of the bundle. A function is given the path of the socket on which the device answers, and that of the
   * private folder, where the enclave may open sockets of its own; it is removed with all it holds at the end.
   */
  readonly args: readonly string[] | ((nsmSocketPath: string, runFolder: string) => readonly string[]);
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

/** Permissions that weaken the isolation of the bundle, each to be asked for. */
export interface EnclavePermissions {
  readonly workers?: boolean;
  /** Native add-ons, which escape the permission model. */
  readonly addons?: boolean;
  /** Files and folders to read besides the bundle. */
  readonly readPaths?: readonly string[];
}

/** How the enclave ended. */
export interface EnclaveExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running emulated enclave. */
export interface EmulatedEnclave {
  /** SHA-384 of the bundle that runs, lower-case hex. */
  readonly pcr0: string;
  /** SHA-256 of the emulator's root certificate, lower-case hex: what a policy must name. */
  readonly rootSha256: string;
  readonly nsmSocketPath: string;
  /** The private copy that was measured and runs. */
  readonly measuredPath: string;
  readonly process: {
    readonly pid: number;
    /** Ends the enclave: SIGTERM, after the grace SIGKILL. Resolves when it and its device are gone. */
    stop(): Promise<void>;
    /** Resolves when the enclave has ended, its device is closed and its private folder removed. */
    readonly exited: Promise<EnclaveExit>;
  };
}

const STOP_GRACE_MS = 10_000;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const SYSTEM: Surroundings = { now: () => Date.now(), randomBytes: (count) => randomBytes(count) };

/**
 * Plays the Nitro hypervisor: copies the bundle into a private folder, measures that copy, serves a device that
 * attests to it and starts the copy under Node's permission model. On SIGTERM or SIGINT it stops the enclave and then,
 * unless somebody else listens for the signal, lets it end this process.
 */
export async function launchEmulated(options: LaunchOptions): Promise<EmulatedEnclave> {
  const surroundings = options.surroundings ?? SYSTEM;
  const root = await loadOrCreateRoot(options.folder, surroundings);
  const runFolder = await mkdtemp(join(tmpdir(), 'cloister-emulated-'));
  let server: NsmServer | undefined;
  try {
    const measuredPath = await privateCopy(options.bundlePath, runFolder);
    const [bundle, runtime] = await Promise.all([measureFile(measuredPath), measureFile(process.execPath)]);
    const instanceId = `i-0${toHex(surroundings.randomBytes(8))}`;
    const pcrs = registersOf({ bundle: digestOf(bundle), runtime: digestOf(runtime), instanceId });
    const moduleId = `${instanceId}-enc${toHex(surroundings.randomBytes(8))}`;
    server = await serveNsm(nsmDevice({ root, moduleId, pcrs, surroundings }), join(runFolder, 'nsm.sock'));
    const child = await spawnEnclave(options, measuredPath, server.socketPath);
    const handle = supervise(child, options, cleanUp(server, runFolder));
    return {
      pcr0: bundle.sha384,
      rootSha256: root.sha256,
      nsmSocketPath: server.socketPath,
      measuredPath,
      process: handle,
    };
  } catch (error) {
    await cleanUp(server, runFolder)();
    throw error;
  }
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

async function spawnEnclave(options: LaunchOptions, measuredPath: string, socketPath: string): Promise<ChildProcess> {
  const args = typeof options.args === 'function' ? options.args(socketPath, dirname(measuredPath)) : options.args;
  const child = spawn(
    process.execPath,
    [...permissionFlags(options.permissions ?? {}, measuredPath), measuredPath, ...args],
    {
      // Not inherited: NODE_OPTIONS and the like would put unmeasured code into the enclave. The one variable that
      // Node passes on by itself, while coverage is taken, is named to keep it out.
      env: { ...options.env, ...ALLOCATOR, NODE_V8_COVERAGE: undefined },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return child;
}

/** Node 24 leaves sockets and WebAssembly open under `--permission`; files, processes and the rest are closed. */
function permissionFlags(permissions: EnclavePermissions, measuredPath: string): readonly string[] {
  return [
    ...ENCLAVE_FLAGS,
    '--permission',
    ...[measuredPath, ...(permissions.readPaths ?? [])].map((path) => `--allow-fs-read=${path}`),
    ...(permissions.workers === true ? ['--allow-worker'] : []),
    ...(permissions.addons === true ? ['--allow-addons'] : []),
  ];
}

function supervise(
  child: ChildProcess,
  options: LaunchOptions,
  clean: () => Promise<void>,
): EmulatedEnclave['process'] {
  const { pid, stdout, stderr } = child;
  assert(pid !== undefined && stdout !== null && stderr !== null, 'a spawned enclave without id or pipes');
  forward(stdout, options.stdio?.stdout ?? process.stdout);
  forward(stderr, options.stdio?.stderr ?? process.stderr);
  const ended = new Promise<EnclaveExit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const killNow = (): boolean => child.kill('SIGKILL');
  process.once('exit', killNow);
  const exited = ended.then(async (exit) => {
    process.removeListener('exit', killNow);
    for (const signal of STOP_SIGNALS) process.removeListener(signal, onSignal);
    await clean();
    return exit;
  });
  const stop = async (): Promise<void> => {
    const force = setTimeout(killNow, options.stopGraceMs ?? STOP_GRACE_MS);
    child.kill('SIGTERM');
    await exited;
    clearTimeout(force);
  };
  function onSignal(signal: NodeJS.Signals): void {
    const end = (): void => {
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    stop().then(end, end);
  }
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  return { pid, stop, exited };
}

/** The destination stays open: it outlives the enclave. */
function forward(from: Readable, to: Writable): void {
  from.pipe(to, { end: false });
}

function cleanUp(server: NsmServer | undefined, runFolder: string): () => Promise<void> {
  return async () => {
    await server?.close();
    await rm(runFolder, { recursive: true, force: true });
  };
}

function digestOf(measurement: { readonly sha384: string }): Uint8Array {
  const digest = fromHex(measurement.sha384);
  assert(digest !== undefined, 'a measurement that is not hexadecimal');
  return digest;
}
