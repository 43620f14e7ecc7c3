import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Fault } from '#shared/fault/fault.ts';
import { programPath } from '../programs.ts';

/** A TPM 2.0 in software (`swtpm`): real in all but its protection. */
export interface SoftwareTpm {
  /** How tpm2-tools reach it: their `TPM2TOOLS_TCTI`. */
  readonly tcti: string;
  readonly socketPath: string;
  /** Runs one of tpm2-tools on it. Throws what `execFile` throws when it fails. */
  run(tool: string, args: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const READY_TRIES = 500;
const READY_PAUSE_MS = 10;

/** Folder of tpm2-tools; `undefined` where they or swtpm are not installed. */
export function tpmProgramsFolder(): string | undefined {
  const tool = programPath('tpm2_quote');
  return tool === undefined || programPath('swtpm') === undefined ? undefined : dirname(tool);
}

/**
 * Starts a TPM that keeps its state in `stateFolder` and listens in `socketFolder`. Its registers begin at zero, as at
 * power-on.
 * @throws Fault - CONFIG_INVALID: the packages swtpm and tpm2-tools are not installed, or it did not start
 */
export async function startSwtpm(stateFolder: string, socketFolder: string): Promise<SoftwareTpm> {
  const [program, tools] = [programPath('swtpm'), tpmProgramsFolder()];
  if (program === undefined || tools === undefined) {
    throw new Fault('CONFIG_INVALID', 'a TPM in software needs the programs of the packages swtpm and tpm2-tools');
  }
  const socketPath = join(socketFolder, 'tpm.sock');
  // The name of the control socket is what tpm2-tools expect beside the other one.
  const sockets = ['--server', `type=unixio,path=${socketPath}`, '--ctrl', `type=unixio,path=${socketPath}.ctrl`];
  const state = ['--tpm2', '--tpmstate', `dir=${stateFolder}`, '--flags', 'not-need-init,startup-clear'];
  const child = spawn(program, ['socket', ...state, ...sockets], { stdio: 'ignore' });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  await untilReady(child, `${socketPath}.ctrl`);
  const tcti = `swtpm:path=${socketPath}`;
  return {
    tcti,
    socketPath,
    async run(tool, args) {
      await promisify(execFile)(join(tools, tool), [...args], { env: { TPM2TOOLS_TCTI: tcti } });
    },
    async close() {
      process.removeListener('exit', kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** It says nothing when it is ready, so it is asked. */
async function untilReady(child: ChildProcess, socketPath: string): Promise<void> {
  // A process that could not be started has no id; what else goes wrong ends it.
  child.once('error', () => undefined);
  for (let tries = 0; tries < READY_TRIES && child.pid !== undefined && child.exitCode === null; tries += 1) {
    if (await answers(socketPath)) return;
    await pause(READY_PAUSE_MS);
  }
  child.kill('SIGKILL');
  throw new Fault('CONFIG_INVALID', 'swtpm did not start');
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path: socketPath });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
