import { resolve } from 'node:path';
import { type FileMeasurement, measureFile } from '#client/cli/measure-file.ts';
import { buildEnclaveBundle, DEFAULT_BUNDLE } from './bundle.ts';

/**
 * Measures the enclave bundle at `path`; without one, builds that of this checkout, so that it is never an old one.
 * The digest is what the emulator puts in PCR0.
 */
export async function measureBundle(path?: string): Promise<FileMeasurement> {
  return measureFile(path ?? (await buildEnclaveBundle(DEFAULT_BUNDLE)).path);
}

if (import.meta.main) {
  const given = process.argv.slice(2).find((argument) => argument !== '--json');
  const { sha384, bytes } = await measureBundle(given === undefined ? undefined : resolve(given));
  const file = given ?? DEFAULT_BUNDLE;
  if (process.argv.includes('--json')) console.log(JSON.stringify({ file, sha384, bytes }));
  else console.log(`PCR0   ${sha384}\nbytes  ${bytes}\nfile   ${file}`);
}
