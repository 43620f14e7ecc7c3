import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Digests of a file, raw bytes. */
export interface Digests {
  readonly sha256: Uint8Array;
  readonly sha384: Uint8Array;
}

/** What the emulator has measured before it starts an enclave. */
export interface Measured {
  /** The copy of the bundle that runs. */
  readonly bundle: Digests;
  /** The Node executable that runs it. */
  readonly runtime: Digests;
}

/** Digests of the file at `path`, which is read once. */
export async function digestsOf(path: string): Promise<Digests> {
  const [sha256, sha384] = [createHash('sha256'), createHash('sha384')];
  for await (const chunk of createReadStream(path)) {
    sha256.update(chunk);
    sha384.update(chunk);
  }
  return { sha256: sha256.digest(), sha384: sha384.digest() };
}
