import { decodeEvidenceFile, EVIDENCE_FILE_BYTES_MAX, type EvidenceFile } from '#client/evidence/evidence-file.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { PLATFORMS } from '#shared/attestation/platforms.ts';
import { knownEvidence, type ShownEvidence } from '#shared/attestation/shown.ts';
import { fromHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { foundWords } from '#shared/study/problem.ts';
import { readInput } from './input-file.ts';
import { type CliContext, textFlag } from './runtime.ts';

/** The evidence of a file. @throws Fault `CONFIG_INVALID` when it cannot be read, `EVIDENCE_REFUSED` when it is malformed */
export async function readEvidence(path: string): Promise<EvidenceFile> {
  const bytes = await readInput(path, EVIDENCE_FILE_BYTES_MAX);
  try {
    return decodeEvidenceFile(bytes);
  } catch (cause) {
    if (cause instanceof Fault) throw new Fault(cause.code, `${path}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** @throws Fault `EVIDENCE_REFUSED` for a platform that has no verifier here */
export function knownEvidenceIn(shown: ShownEvidence): Evidence {
  const evidence = knownEvidence(shown);
  if (evidence !== undefined) return evidence;
  throw new Fault(
    'EVIDENCE_REFUSED',
    `the evidence is of no known platform: found ${foundWords(shown.platform)}, expected one of ${PLATFORMS.join(', ')}`,
  );
}

/** A day, or a time of day with its zone: what stands for the same moment on every machine. */
const TIME = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** The time of `--at`, ms since 1970; `undefined` without one. @throws Fault `CONFIG_INVALID` for what is no time */
export function statedTimeMs({ flags }: CliContext): number | undefined {
  const text = textFlag(flags, 'at');
  if (text === undefined) return undefined;
  const [, day = ''] = TIME.exec(text) ?? [];
  const atMs = Date.parse(text);
  // The 30th of February is a day of March to Date.parse.
  if (day !== '' && Number.isSafeInteger(atMs) && new Date(Date.parse(day)).toISOString().startsWith(day)) return atMs;
  throw new Fault('CONFIG_INVALID', `--at: found ${text.slice(0, 40)}, expected a time such as 2026-11-22T12:00:00Z`);
}

/** The bytes of an option in hexadecimal. @throws Fault `CONFIG_INVALID` */
export function hexFlag({ flags }: CliContext, name: string, option: string): Uint8Array | undefined {
  const text = textFlag(flags, name);
  if (text === undefined) return undefined;
  const bytes = fromHex(text.toLowerCase());
  if (bytes !== undefined && bytes.length > 0) return bytes;
  throw new Fault('CONFIG_INVALID', `${option}: found ${text.slice(0, 40)}, expected bytes in hexadecimal`);
}
