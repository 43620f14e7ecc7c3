import { access, open, writeFile } from 'node:fs/promises';
import { Fault } from '#shared/fault/fault.ts';

/** Reads a required file. @throws Fault `CONFIG_INVALID` when it cannot be read or is longer than `bytesMax`. */
export async function readInput(path: string, bytesMax: number): Promise<Uint8Array>;
/** Reads a file; `undefined` when it is optional and absent. */
export async function readInput(
  path: string,
  bytesMax: number,
  presence: 'required' | 'optional',
): Promise<Uint8Array | undefined>;
export async function readInput(
  path: string,
  bytesMax: number,
  presence: 'required' | 'optional' = 'required',
): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > bytesMax)
        throw new Fault('CONFIG_INVALID', `${path}: found ${size} bytes, expected at most ${bytesMax}`);
      return new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    if (presence === 'optional' && systemCode(cause) === 'ENOENT') return undefined;
    throw new Fault('CONFIG_INVALID', `${path} cannot be read: ${systemWords(cause)}`, { cause });
  }
}

/** Writes a new file; refuses one that exists. @throws Fault `CONFIG_INVALID` */
export async function writeNew(path: string, bytes: Uint8Array | string, mode = 0o644): Promise<void> {
  try {
    await writeFile(path, bytes, { flag: 'wx', mode });
  } catch (cause) {
    const code = systemCode(cause);
    const why =
      code === 'EEXIST'
        ? 'exists already; name another file or move that one'
        : `cannot be written: ${systemWords(cause)}`;
    throw new Fault('CONFIG_INVALID', `${path} ${why}`, { cause });
  }
}

/** Makes sure that a file to be written later is not there yet. @throws Fault `CONFIG_INVALID` */
export async function requireAbsent(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new Fault('CONFIG_INVALID', `${path} exists already; name another file or move that one`);
}

/** The operating system's name for an error, such as `ENOENT`. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not',
  EISDIR: 'it is a folder, expected a file',
  ENOTDIR: 'a part of its path is no folder',
  ENOSPC: 'the disk is full',
};

/** What the operating system said, in words where it has common ones. */
export function systemWords(error: unknown): string {
  const code = systemCode(error);
  const words = WORDS[code];
  return words === undefined ? code : `${words} (${code})`;
}
