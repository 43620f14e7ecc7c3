import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDeviceFile } from '../device-file.ts';
import { attesterFailed } from '../failure.ts';
import { nodeDeviceFiles } from './device-files.ts';

/** Makes a folder for programs to work in; `environment` is all that they see of ours, besides where programs are. */
export type ToolFolders = (environment: Readonly<Record<string, string>>) => Promise<ToolFolder>;

/** A private folder, the working directory of the programs that are run in it. Files are named without a path. */
export interface ToolFolder {
  /** Runs a program to its end. Throws `ATTESTER_FAILED` when it is not there, fails or takes too long. */
  run(program: string, ...args: readonly string[]): Promise<void>;
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** All of a file, at most `bytesMax` bytes; throws for more, or when the file is not there. */
  read(name: string, bytesMax: number): Promise<Uint8Array>;
  /** Removes the folder with all it holds. */
  remove(): Promise<void>;
}

/** How long a program may run. A TPM takes tens of milliseconds to sign, and up to seconds to make a key. */
const TOOL_TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 256 * 1024;
const WORDS_MAX = 300;

/**
 * Folders for programs on this machine, under the system's folder for temporary files and closed to other users.
 * `searchPath` is where programs are looked for.
 */
export function nodeToolFolders(searchPath: string, timeoutMs = TOOL_TIMEOUT_MS): ToolFolders {
  return async (environment) => {
    const folder = await mkdtemp(join(tmpdir(), 'cloister-tools-'));
    return {
      run: (program, ...args) =>
        run(program, args, { cwd: folder, env: { ...environment, PATH: searchPath }, timeout: timeoutMs }),
      write: (name, bytes) => writeFile(join(folder, name), bytes, { mode: 0o600 }),
      read: (name, bytesMax) => readDeviceFile(nodeDeviceFiles, join(folder, name), bytesMax),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  };
}

function run(
  program: string,
  args: readonly string[],
  surroundings: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly timeout: number },
): Promise<void> {
  const limits = { killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX } as const;
  return new Promise((resolve, reject) => {
    execFile(program, args, { ...surroundings, ...limits }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(attesterFailed(`${program} ${howItEnded(error, surroundings.timeout)}${lastWords(stderr)}`, error));
    });
  });
}

function howItEnded(
  error: { readonly code?: unknown; readonly signal?: unknown; readonly killed?: boolean },
  timeoutMs: number,
): string {
  if (error.code === 'ENOENT') return 'is not on the PATH; install tpm2-tools';
  if (error.killed === true) return `did not end within ${timeoutMs} ms`;
  return typeof error.signal === 'string' ? `was ended by ${error.signal}` : `failed (${String(error.code)})`;
}

/** What a program said last: tpm2-tools name the error, then themselves. Nothing but printable characters of it. */
function lastWords(stderr: string): string {
  const lines = stderr.trim().split('\n').slice(-2).join(' ');
  const words = lines.replaceAll(/[^ -~]/g, '').slice(0, WORDS_MAX);
  return words === '' ? '' : `: ${words}`;
}
