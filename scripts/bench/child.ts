import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The allocator settings that the start scripts give the enclave and the participant: fewer fresh pages for results. */
export const MALLOC_TUNABLES: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '1073741824',
  MALLOC_TRIM_THRESHOLD_: '2147483648',
  MALLOC_TOP_PAD_: '67108864',
};

/** Runs `module` (relative to this one) in a process of its own, started as the enclave is; the JSON that it prints. */
export async function runMeasured(module: string, args: readonly number[]): Promise<unknown> {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const env = { ...process.env, ...MALLOC_TUNABLES };
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args.map(String)], { env });
  return JSON.parse(stdout);
}
