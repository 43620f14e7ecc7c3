import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readVectorFiles } from '#client/cli/vector-files.ts';
import { type Collection, collectionOf } from '#client/vectors/collection.ts';
import type { VectorFiles } from '#client/vectors/vector-platform.ts';

/** Folder of the collection, `CLOISTER_VECTORS` or the one beside the repository; `undefined` when it is not there. */
export function vectorsFolder(): string | undefined {
  const folder = process.env['CLOISTER_VECTORS'] ?? resolve(import.meta.dirname, '../../shared/attestation-vectors');
  return existsSync(join(folder, 'mutations.json')) ? folder : undefined;
}

/** Read once: it is some ten megabytes. */
let files: Promise<VectorFiles> | undefined;

/**
 * The collection, or what it holds for one platform.
 * @throws Fault - CONFIG_INVALID when it is not on this machine or cannot be read
 */
export async function readVectors(platform?: string): Promise<Collection> {
  files ??= readVectorFiles(vectorsFolder() ?? '');
  return collectionOf(await files, platform);
}
