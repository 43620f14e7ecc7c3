import { globSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';

/** The folder of this checkout. */
export const ROOT = resolve(import.meta.dirname, '../..');
/** The folders that hold code. */
export const CODE = ['aggregator', 'client', 'infra', 'scripts', 'shared', 'test'] as const;

/** Files under `folders` that match `pattern`, as paths from the root with `/`, sorted. */
export function filesIn(folders: readonly string[], pattern = '**/*.ts'): string[] {
  return folders
    .flatMap((folder) => globSync(`${folder}/${pattern}`, { cwd: ROOT, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(ROOT.length + 1)
        .replaceAll(sep, '/'),
    )
    .toSorted();
}

/** The text of a file of the checkout. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
