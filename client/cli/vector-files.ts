import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { VectorFiles } from '#client/vectors/vector-platform.ts';
import { Fault } from '#shared/fault/fault.ts';
import { readInput, systemWords } from './input-file.ts';

/** Bounds of a folder of test vectors: what is larger is another folder, named by mistake. */
const LIMITS = { files: 50_000, fileBytes: 16 * 1024 * 1024, bytes: 512 * 1024 * 1024 } as const;

/**
 * Every file below `folder`, by its path within it with `/`. Each is read once.
 * @throws Fault `CONFIG_INVALID` when the folder cannot be read or is too large
 */
export async function readVectorFiles(folder: string): Promise<VectorFiles> {
  const paths = await filesBelow(folder);
  if (paths.length > LIMITS.files) throw tooLarge(folder, `${paths.length} files`, `${LIMITS.files}`);
  const files = new Map<string, Uint8Array>();
  let bytes = 0;
  for (const path of paths.toSorted()) {
    const content = await readInput(path, LIMITS.fileBytes);
    bytes += content.length;
    if (bytes > LIMITS.bytes) throw tooLarge(folder, `more than ${LIMITS.bytes} bytes`, `${LIMITS.bytes}`);
    files.set(relative(folder, path).split(sep).join('/'), content);
  }
  return files;
}

/** `<platform>/<sample>` of a sample's folder, from the names of the folder and of the one that it lies in. */
export function vectorIdOf(folder: string): string {
  const path = resolve(folder);
  return `${basename(dirname(path))}/${basename(path)}`;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `${folder} cannot be read as a folder of test vectors: ${systemWords(cause)}`, {
      cause,
    });
  }
}

function tooLarge(folder: string, found: string, most: string): Fault {
  return new Fault('CONFIG_INVALID', `${folder}: found ${found}, expected at most ${most}; is it the right folder?`);
}
