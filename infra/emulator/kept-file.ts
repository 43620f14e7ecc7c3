import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, Fault } from '#shared/fault/fault.ts';

/** Permission bits of group and others. */
const OTHERS = 0o077;

/**
 * The secret text in `name` of `folder`, made on first use and kept (mode 0600); the folder is private to its owner. Of
 * two that start at once, both use what the first has made.
 * @throws Fault - KEY_FILE_INVALID: the file is open to others, run chmod 600 on it
 */
export async function keptSecret(folder: string, name: string, make: () => Promise<string>): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const path = join(folder, name);
  return (await readSecret(path)) ?? keep(path, await make());
}

async function keep(path: string, text: string): Promise<string> {
  const fresh = `${path}.${randomUUID()}.new`;
  await writeFile(fresh, text, { mode: 0o600 });
  try {
    // A link, unlike a rename, never replaces what is there.
    await link(fresh, path);
    return text;
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    const first = await readSecret(path);
    assert(first !== undefined, 'a file that exists and cannot be found');
    return first;
  } finally {
    await unlink(fresh);
  }
}

async function readSecret(path: string): Promise<string | undefined> {
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  const { mode } = await stat(path);
  if ((mode & OTHERS) === 0) return text;
  throw new Fault('KEY_FILE_INVALID', `${path} is open to others; run chmod 600 on it`);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Writes `path` so that whoever reads it sees a whole file. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const fresh = `${path}.${randomUUID()}.new`;
  await writeFile(fresh, content);
  await rename(fresh, path);
}
