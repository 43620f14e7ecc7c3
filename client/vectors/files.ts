import { Fault } from '#shared/fault/fault.ts';
import type { VectorFiles } from './vector-platform.ts';

/** A file of a sample. @throws Fault - CONFIG_INVALID when it is not there */
export function requiredFile(files: VectorFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw new Fault('CONFIG_INVALID', `the sample has no file ${name}`);
  return bytes;
}
