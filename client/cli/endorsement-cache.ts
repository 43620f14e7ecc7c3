import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DescribedEndorsement } from '#client/endorsements/describe.ts';
import { type Endorsement, EVIDENCE_LIMITS } from '#shared/attestation/evidence.ts';
import { Fault } from '#shared/fault/fault.ts';
import { endorsementFileName, endorsementKindOf } from '#shared/protocol/endorsement-files.ts';
import { readInput, systemCode, systemWords } from './input-file.ts';
import { type CliContext, textFlag } from './runtime.ts';
import { SETTINGS } from './settings.ts';

/** Far more than one machine needs; a folder with more is another folder, named by mistake. */
const FILES_MAX = 4096;

/** An endorsement in the cache. */
export interface CachedEndorsement {
  readonly file: string;
  readonly endorsement: Endorsement;
}

/**
 * The folder of `--folder` or of the setting `endorsements`, else `cloister/endorsements` in the user's cache.
 * @throws Fault `CONFIG_INVALID` when the user has none
 */
export function cacheFolder({ flags, settings, environment }: CliContext): string {
  const named = textFlag(flags, 'folder') ?? settings.get(SETTINGS.endorsements);
  if (named !== undefined) return named;
  const { XDG_CACHE_HOME: cache, HOME: home } = environment;
  const base = cache || (home ? join(home, '.cache') : undefined);
  if (base !== undefined) return join(base, 'cloister', 'endorsements');
  throw new Fault('CONFIG_INVALID', 'there is no home folder to keep endorsements in; name one with --folder');
}

/**
 * Every endorsement in `folder`, by the names of the files. An optional folder that is not there yet is empty.
 * @throws Fault `CONFIG_INVALID` when it cannot be read, or is another folder, named by mistake
 */
export async function readCache(
  folder: string,
  presence: 'required' | 'optional' = 'required',
): Promise<readonly CachedEndorsement[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    if (presence === 'optional' && systemCode(cause) === 'ENOENT') return [];
    throw new Fault('CONFIG_INVALID', `${folder} cannot be read: ${systemWords(cause)}`, { cause });
  });
  if (names.length > FILES_MAX) {
    throw new Fault('CONFIG_INVALID', `${folder}: found ${names.length} files, expected at most ${FILES_MAX}`);
  }
  const known = names.toSorted().flatMap((file) => {
    const kind = endorsementKindOf(file);
    return kind === undefined ? [] : [{ file, kind }];
  });
  return Promise.all(
    known.map(async ({ file, kind }) => ({
      file,
      endorsement: { kind, bytes: await readInput(join(folder, file), EVIDENCE_LIMITS.endorsementBytes) },
    })),
  );
}

/**
 * Writes endorsements under the names that belong to them, over what had those names. Each file is there whole, old or
 * new, whenever it is looked at.
 * @throws Fault `CONFIG_INVALID` when the folder cannot be written
 */
export async function storeInCache(
  folder: string,
  described: readonly DescribedEndorsement[],
): Promise<readonly CachedEndorsement[]> {
  const stored = new Map(
    described.map(({ stem, endorsement }) => [endorsementFileName(stem, endorsement.kind), endorsement]),
  );
  try {
    await mkdir(folder, { recursive: true });
    for (const [file, { bytes }] of stored) await replaceFile(join(folder, file), bytes);
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `${folder} cannot be written: ${systemWords(cause)}`, { cause });
  }
  return [...stored].map(([file, endorsement]) => ({ file, endorsement }));
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    await writeFile(fresh, bytes);
    await rename(fresh, path);
  } finally {
    await rm(fresh, { force: true });
  }
}
