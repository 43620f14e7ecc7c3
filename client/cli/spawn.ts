import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Fault } from '#shared/fault/fault.ts';

/** A terminal gives Ctrl-C to every process in it; passing it on would give it to the child twice. */
const FORWARDED: readonly NodeJS.Signals[] = process.stdin.isTTY
  ? ['SIGTERM', 'SIGHUP']
  : ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs another program of this package (`script` relative to its root) under the same Node, with our standard streams,
 * and answers its exit code; 128 + n for one that a signal ended. Signals that we get are passed on.
 * @throws Fault `CONFIG_INVALID` when it cannot be started
 */
export async function runScript(script: string, args: readonly string[]): Promise<number> {
  const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) => reject(new Fault('CONFIG_INVALID', `${script} cannot be started`, { cause })));
      child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}
