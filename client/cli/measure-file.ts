import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Digest and size of a file. */
export interface FileMeasurement {
  /** SHA-384, lower-case hex: what the emulator puts in PCR0 for an enclave bundle. */
  readonly sha384: string;
  readonly bytes: number;
}

/** Measures the file at `path` without holding it in memory. Rejects with the system's error when it cannot be read. */
export async function measureFile(path: string): Promise<FileMeasurement> {
  const hash = createHash('sha384');
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha384: hash.digest('hex'), bytes };
}
