import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { assert } from '#shared/fault/fault.ts';

/** A NumPy program that repeats its measured part on demand, so that both sides take turns on the same machine. */
export interface NumpyProgram {
  readonly version: string;
  /** Runs the measured part once; milliseconds. */
  measure(): Promise<number>;
  stop(): void;
}

/** Whether `python3` with NumPy is on the path; why not, otherwise. */
export function numpyMissing(): string | undefined {
  try {
    execFileSync('python3', ['-c', 'import numpy'], { stdio: 'ignore' });
    return undefined;
  } catch {
    // Whatever the cause, the answer for this bench is the same.
    return 'python3 with NumPy is not on the path (Debian: apt install python3-numpy)';
  }
}

/** Starts `file` (beside this module): it prints its version when it is ready, then milliseconds for each line it reads. */
export async function startNumpy(file: string, args: readonly number[]): Promise<NumpyProgram> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn('python3', [path, ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    assert(done !== true, `${file} ended before it answered`);
    return value;
  };
  return {
    version: await nextLine(),
    async measure() {
      child.stdin.write('go\n');
      return Number(await nextLine());
    },
    stop: () => void child.kill(),
  };
}
