import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type FileMeasurement, measureFile } from '#client/cli/measure-file.ts';
import { buildEnclaveBundle, DEFAULT_BUNDLE } from './bundle.ts';

/**
 * Measures the enclave bundle at `path` (that of this checkout by default); builds it first when it is not there.
 * The digest is what the emulator puts in PCR0.
 */
export async function measureBundle(path: string = DEFAULT_BUNDLE): Promise<FileMeasurement> {
  if (!(await isPresent(path))) await buildEnclaveBundle(path);
  return measureFile(path);
}

async function isPresent(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  const given = process.argv[2];
  const path = given === undefined ? DEFAULT_BUNDLE : resolve(given);
  const { sha384, bytes } = await measureBundle(path);
  console.log(`PCR0 ${sha384}\n${path}, ${bytes} bytes`);
}
