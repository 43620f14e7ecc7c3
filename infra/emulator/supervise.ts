import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { ALLOCATOR, ENCLAVE_FLAGS } from '#infra/runtime.ts';
import { assert } from '#shared/fault/fault.ts';
import type { EnclaveAccess } from './device.ts';

/** The enclave's process. */
export interface EnclaveProgram {
  /** The private copy that was measured. */
  readonly measuredPath: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly permissions: EnclavePermissions;
  readonly access: EnclaveAccess;
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

/** A process that is looked after. */
export interface EnclaveProcess {
  readonly pid: number;
  /** Ends the enclave: SIGTERM, after the grace SIGKILL. Resolves when it and its device are gone. */
  stop(): Promise<void>;
  /** Resolves when the enclave has ended, its device is closed and its private folder removed. */
  readonly exited: Promise<EnclaveExit>;
}

/** How the process is looked after. */
export interface Supervision {
  /** Where its output goes; this process's own by default. */
  readonly stdio?: { readonly stdout: Writable; readonly stderr: Writable };
  /** How long it may take to end by itself when it is told to stop. */
  readonly stopGraceMs?: number;
  /** What follows its end. */
  readonly clean: () => Promise<void>;
}

const STOP_GRACE_MS = 10_000;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Starts the copy that was measured, under Node's permission model. */
export async function spawnEnclave({
  measuredPath,
  args,
  env,
  permissions,
  access,
}: EnclaveProgram): Promise<ChildProcess> {
  const flags = [...permissionFlags(permissions, access, measuredPath), ...(access.nodeFlags ?? [])];
  const child = spawn(process.execPath, [...flags, measuredPath, ...args], {
    // Not inherited: NODE_OPTIONS and the like would put unmeasured code into the enclave. The one variable that
    // Node passes on by itself, while coverage is taken, is named to keep it out.
    env: { ...env, ...programVariables(access), ...ALLOCATOR, NODE_V8_COVERAGE: undefined },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return child;
}

/** Node 24 leaves sockets and WebAssembly open under `--permission`; files, processes and the rest are closed. */
function permissionFlags(
  permissions: EnclavePermissions,
  access: EnclaveAccess,
  measuredPath: string,
): readonly string[] {
  const { scratch, programs, readPaths = [] } = access;
  const given = [measuredPath, ...(permissions.readPaths ?? []), ...readPaths];
  const readable = scratch === undefined ? given : [...given, scratch];
  return [
    ...ENCLAVE_FLAGS,
    '--permission',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    ...(scratch === undefined ? [] : [`--allow-fs-write=${scratch}`]),
    ...(permissions.workers === true ? ['--allow-worker'] : []),
    ...(permissions.addons === true ? ['--allow-addons'] : []),
    // Node warns of this permission at each start; that programs are needed is said in our README.
    ...(programs === undefined ? [] : ['--allow-child-process', '--disable-warning=PERM0002']),
  ];
}

function programVariables({ programs, env, scratch }: EnclaveAccess): Readonly<Record<string, string>> {
  return {
    ...env,
    ...(programs === undefined ? {} : { PATH: programs }),
    ...(scratch === undefined ? {} : { TMPDIR: scratch }),
  };
}

/**
 * Looks after `child` until its end. On SIGTERM or SIGINT it stops it and then, unless somebody else listens for the
 * signal, lets it end this process.
 */
export function supervise(child: ChildProcess, { stdio, stopGraceMs, clean }: Supervision): EnclaveProcess {
  const { pid, stdout, stderr } = child;
  assert(pid !== undefined && stdout !== null && stderr !== null, 'a spawned enclave without id or pipes');
  forward(stdout, stdio?.stdout ?? process.stdout);
  forward(stderr, stdio?.stderr ?? process.stderr);
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
    const force = setTimeout(killNow, stopGraceMs ?? STOP_GRACE_MS);
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
