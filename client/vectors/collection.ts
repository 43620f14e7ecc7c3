import { textOf } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { VECTOR_FOLDERS } from './adapters.ts';
import { expectedFrom, type Recipe, recipesFrom } from './expected.ts';
import { requiredFile } from './files.ts';
import { type Outcome, runRecipe, runSample, type Sample } from './run.ts';
import type { VectorFiles } from './vector-platform.ts';

const EXPECTED = 'expected.json';
const RECIPES = 'mutations.json';

/** A collection of samples and the recipes that mutate them. */
export interface Collection {
  readonly samples: readonly Sample[];
  readonly recipes: readonly Recipe[];
  /** Folders that hold samples and that no adapter reads. */
  readonly unread: readonly string[];
  /** Every file of the collection by its path within it: recipes name files of other samples. */
  readonly files: VectorFiles;
}

/**
 * A collection out of its files by path, such as `aws-nitro/some-sample/evidence.cbor`; of one platform's folder only
 * when `platform` is given.
 * @throws Fault - CONFIG_INVALID for a file of expectations that cannot be read
 */
export function collectionOf(files: VectorFiles, platform?: string): Collection {
  const folders = foldersOf(files);
  const ids = [...folders.keys()].filter((id) => platform === undefined || folderOf(id) === platform).toSorted();
  const known = ids.filter((id) => VECTOR_FOLDERS.includes(folderOf(id)));
  const recipes = files.has(RECIPES) ? recipesFrom(jsonIn(files, RECIPES), RECIPES) : [];
  return {
    samples: known.map((id) => ({
      id,
      expected: expectedFrom(jsonIn(files, `${id}/${EXPECTED}`), id),
      files: folders.get(id) ?? new Map(),
    })),
    recipes: recipes.filter(({ base }) => known.includes(base)),
    unread: [...new Set(ids.map(folderOf))].filter((folder) => !VECTOR_FOLDERS.includes(folder)),
    files,
  };
}

/** Runs everything, one outcome after the other. What cannot be run is an outcome with a problem, and the rest goes on. */
export async function* runCollection(collection: Collection, crypto: CryptoPort): AsyncGenerator<Outcome, void> {
  const samples = new Map(collection.samples.map((sample) => [sample.id, sample]));
  for (const sample of collection.samples) yield* await orBroken(sample.id, sample.id, () => runSample(sample, crypto));
  const read = (path: string): Uint8Array => requiredFile(collection.files, path);
  for (const recipe of collection.recipes) {
    const base = samples.get(recipe.base);
    if (base !== undefined)
      yield* await orBroken(recipe.id, base.id, async () => [await runRecipe(recipe, base, read, crypto)]);
  }
}

async function orBroken(
  id: string,
  sample: string,
  run: () => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  try {
    return await run();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const kind = id === sample ? 'verdict' : 'mutation';
    return [
      { platform: folderOf(sample), id, kind, at: '-', expected: 'runs', found: 'does not', problem: cause.message },
    ];
  }
}

/** The files of each `<platform>/<sample>` that says what is expected of it. */
function foldersOf(files: VectorFiles): ReadonlyMap<string, VectorFiles> {
  const folders = new Map<string, Map<string, Uint8Array>>();
  for (const [path, bytes] of files) {
    const [platform = '', sample = '', name, ...deeper] = path.split('/');
    if (name === undefined || deeper.length > 0) continue;
    const id = `${platform}/${sample}`;
    if (!files.has(`${id}/${EXPECTED}`)) continue;
    folders.set(id, (folders.get(id) ?? new Map<string, Uint8Array>()).set(name, bytes));
  }
  return folders;
}

function folderOf(id: string): string {
  return id.split('/')[0] ?? id;
}

function jsonIn(files: VectorFiles, path: string): unknown {
  try {
    return JSON.parse(textOf(requiredFile(files, path)) ?? '');
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('CONFIG_INVALID', `${path} is not JSON`, { cause });
  }
}
