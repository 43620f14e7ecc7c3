import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ALLOCATOR } from '#infra/runtime.ts';

/** Runs `module` (relative to this one) in a process of its own, started as the enclave is; the JSON that it prints. */
export async function runMeasured(module: string, args: readonly number[]): Promise<unknown> {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const env = { ...process.env, ...ALLOCATOR };
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args.map(String)], { env });
  return JSON.parse(stdout);
}
