import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { endorsementFileName } from '#shared/protocol/endorsement-files.ts';

/** Puts endorsements into a folder of `runFolder` for the host's `--endorsements`; by the beginning of their names. */
export async function writeEndorsements(
  runFolder: string,
  endorsements: Readonly<Record<string, Endorsement>>,
): Promise<string> {
  const folder = join(runFolder, 'endorsements');
  await mkdir(folder, { mode: 0o700 });
  for (const [stem, { kind, bytes }] of Object.entries(endorsements)) {
    await writeFile(join(folder, endorsementFileName(stem, kind)), bytes);
  }
  return folder;
}
