import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeEnvelope } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { Fault } from '#shared/fault/fault.ts';
import { payloadBytesMax } from '#shared/release/body.ts';
import type { Pieces } from '#shared/release/piece-reader.ts';
import { decodeStatement, type ReleaseStatement, STATEMENT_FILE_BYTES_MAX } from '#shared/release/statement.ts';
import type { HostApi } from './host-api.ts';

/** A release somewhere, not yet verified. `round` is what it claims, to order by. */
export interface FoundRelease {
  readonly round: number;
  /** Where it was found, for messages. */
  readonly from: string;
  readonly statement: Uint8Array;
  /** The payload, or `undefined` when only the statement was kept. */
  readonly payload: () => Promise<Pieces | undefined>;
}

/** Reads a file of at most `bytesMax` bytes. */
export type ReadFile = (path: string, bytesMax: number) => Promise<Uint8Array>;

/**
 * Releases saved under `folder`: there and in its sub-folders, each with `statement.json` and, unless it has expired,
 * `payload.bin`. Oldest round first.
 * @throws Fault `CONFIG_INVALID` when there is none, `RELEASE_INVALID` when one is malformed
 */
export async function releasesInFolder(folder: string, read: ReadFile): Promise<readonly FoundRelease[]> {
  const names = await statementFolders(folder);
  const found: FoundRelease[] = [];
  for (const name of names) {
    const statement = await read(join(name, 'statement.json'), STATEMENT_FILE_BYTES_MAX);
    const file = join(name, 'payload.bin');
    found.push({
      round: claimed(statement, name).round,
      from: name,
      statement,
      payload: async () => ((await isFile(file)) ? createReadStream(file) : undefined),
    });
  }
  if (found.length === 0) throw new Fault('CONFIG_INVALID', `${folder} holds no release: no statement.json in it`);
  return found.toSorted((a, b) => a.round - b.round);
}

/** Releases that a host has of a study, oldest round first; payloads are fetched when they are asked for. */
export async function releasesOnHost(host: HostApi, manifestDigest: Uint8Array): Promise<readonly FoundRelease[]> {
  const found: FoundRelease[] = [];
  for (const { release } of await host.releases(manifestDigest)) {
    const statement = await host.statement(release);
    const claims = claimed(statement, release);
    // A bound on what is taken from the host before the statement is verified; the digest decides afterwards.
    const payload = async () => pieces(await host.payload(release, payloadBytesMax(claims)));
    found.push({ round: claims.round, from: release, statement, payload });
  }
  return found.toSorted((a, b) => a.round - b.round);
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What a statement claims, before any of it is verified. */
function claimed(statement: Uint8Array, from: string): ReleaseStatement {
  const envelope = decodeEnvelope(PAYLOAD_TYPES.inToto, statement, STATEMENT_FILE_BYTES_MAX);
  const decoded = envelope === undefined ? undefined : decodeStatement(envelope.signed.payload);
  if (decoded === undefined) throw new Fault('RELEASE_INVALID', `${from}: the statement is malformed`);
  return decoded;
}

async function statementFolders(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new Fault('CONFIG_INVALID', `${folder} cannot be read; name a folder of saved releases`, { cause });
  });
  const folders = [folder, ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))];
  const isThere = await Promise.all(folders.map((each) => isFile(join(each, 'statement.json'))));
  return folders.filter((_, index) => isThere[index]);
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  });
  return found?.isFile() ?? false;
}
