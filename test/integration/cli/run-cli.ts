import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../../scripts/cloister.mjs', import.meta.url));

/** How a run of `cloister` ended. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real `cloister` in `folder`, with an environment that holds no settings but `environment`; `onStart` gets what sends Ctrl-C, and stdout. */
export function runCli(
  folder: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  onStart: (interrupt: () => void, stdout: Readable) => void = () => {},
): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH ?? '', ...environment };
    const child = spawn(process.execPath, [BIN, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    onStart(() => child.kill('SIGINT'), child.stdout);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (part: Buffer) => {
      stdout += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
