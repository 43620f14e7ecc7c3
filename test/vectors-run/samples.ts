import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expectedFrom, type Recipe, recipesFrom } from '#client/vectors/expected.ts';
import type { Sample } from '#client/vectors/run.ts';

/** Folder of the collection, or `undefined` when it is not on this machine. */
export function vectorsFolder(): string | undefined {
  const folder = process.env['CLOISTER_VECTORS'] ?? resolve(import.meta.dirname, '../../../shared/attestation-vectors');
  return existsSync(join(folder, 'mutations.json')) ? folder : undefined;
}

/** All samples of one folder of the collection, in the order of their names. */
export function readSamples(folder: string, platform: string): readonly Sample[] {
  return readdirSync(join(folder, platform))
    .toSorted()
    .map((name) => readSample(folder, `${platform}/${name}`));
}

/** One sample by its id, `<platform>/<name>`, with every file of its folder. */
export function readSample(folder: string, id: string): Sample {
  const names = readdirSync(join(folder, id)).toSorted();
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, id, name)))]));
  const json: unknown = JSON.parse(readFileSync(join(folder, id, 'expected.json'), 'utf8'));
  return { id, expected: expectedFrom(json, id), files };
}

/** The recipes whose base is a sample of `platform`. */
export function readRecipes(folder: string, platform: string): readonly Recipe[] {
  const json: unknown = JSON.parse(readFileSync(join(folder, 'mutations.json'), 'utf8'));
  return recipesFrom(json, folder).filter(({ base }) => base.startsWith(`${platform}/`));
}
