import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { equalBytes, fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { floatBytes, floatsOf } from '#shared/model/parameters.ts';
import type { HeldRelease, ReleaseStore } from './release-store.ts';

/** How many releases keep their weights and payload: all, or the newest few (statements are always kept). */
export type Retention = 'all' | number;

/** Enough to train from the newest and to look back one. */
export const RETENTION_DEFAULT = 2;

const RecordSchema = Type.Object(
  {
    release: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    previous: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    round: Type.Integer({ minimum: 0, maximum: 0xffffffff }),
    weightsSha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  { additionalProperties: false },
);

const FOLDER = /^release-(\d{10})-[0-9a-f]{64}$/;
const INCOMING = 'incoming-';

/**
 * Releases on disk, one folder each: `release-<round, 10 digits>-<digest>/` with `release.json`, `statement.json`
 * (the DSSE envelope), `payload.bin` (sealed, as fetched) and `weights.f32` (little-endian, flat). A folder is
 * written under another name, flushed and then renamed: it is there whole or not at all. One process per folder.
 * @throws Fault - CONFIG_INVALID when the folder cannot be made or read
 */
export async function diskReleaseStore(
  folder: string,
  crypto: CryptoPort,
  retention: Retention = RETENTION_DEFAULT,
): Promise<ReleaseStore> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (name.startsWith(INCOMING)) await rm(join(folder, name), { recursive: true, force: true });
    }
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `the release folder ${folder} cannot be used; give one that is writable`, {
      cause,
    });
  }
  let newest = await readNewest(folder, crypto);
  return {
    newest: async () => newest,
    async incoming() {
      const arriving = await mkdtemp(join(folder, INCOMING));
      const payload = await open(join(arriving, 'payload.bin'), 'wx', 0o600);
      return {
        write: (piece) => payload.appendFile(piece),
        async keep(release) {
          await payload.sync();
          await payload.close();
          await settle(arriving, folder, release, crypto);
          if (newest === undefined || release.round >= newest.round) newest = release;
          await prune(folder, retention);
        },
        async discard() {
          await payload.close();
          await rm(arriving, { recursive: true, force: true });
        },
      };
    },
  };
}

/** Puts what belongs to a release beside its payload, and gives the folder its name. */
async function settle(incoming: string, folder: string, release: HeldRelease, crypto: CryptoPort): Promise<void> {
  const name = `release-${String(release.round).padStart(10, '0')}-${toHex(release.digest)}`;
  const weights = floatBytes(release.weights);
  const record: Static<typeof RecordSchema> = {
    release: toHex(release.digest),
    previous: toHex(release.previous),
    round: release.round,
    weightsSha256: toHex(crypto.digest('sha256', weights)),
  };
  await writeFlushed(join(incoming, 'statement.json'), release.statement);
  await writeFlushed(join(incoming, 'weights.f32'), weights);
  await writeFlushed(join(incoming, 'release.json'), utf8(`${JSON.stringify(record)}\n`));
  await rm(join(folder, name), { recursive: true, force: true });
  await rename(incoming, join(folder, name));
  await flush(folder);
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.appendFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Release folders, oldest round first. */
async function folders(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => FOLDER.test(name)).toSorted();
}

async function prune(folder: string, retention: Retention): Promise<void> {
  if (retention === 'all') return;
  const names = await folders(folder);
  for (const name of names.slice(0, Math.max(0, names.length - retention))) {
    await rm(join(folder, name, 'weights.f32'), { force: true });
    await rm(join(folder, name, 'payload.bin'), { force: true });
  }
}

/** The newest release; one that was damaged on disk is a fault, since an older one would be a roll-back. */
async function readNewest(folder: string, crypto: CryptoPort): Promise<HeldRelease | undefined> {
  const name = (await folders(folder)).at(-1);
  if (name === undefined) return undefined;
  const path = join(folder, name);
  try {
    return await readRelease(path, crypto);
  } catch (cause) {
    throw new Fault('RELEASE_INVALID', `the release in ${path} cannot be read; restore it or remove the folder`, {
      cause,
    });
  }
}

async function readRelease(path: string, crypto: CryptoPort): Promise<HeldRelease> {
  const record: unknown = JSON.parse(await readFile(join(path, 'release.json'), 'utf8'));
  if (!Value.Check(RecordSchema, record)) throw new Fault('RELEASE_INVALID', `${path}/release.json is malformed`);
  const bytes = new Uint8Array(await readFile(join(path, 'weights.f32')));
  const digest = fromHex(record.release);
  const previous = fromHex(record.previous);
  const weights = floatsOf(bytes);
  const expected = fromHex(record.weightsSha256);
  if (digest === undefined || previous === undefined || weights === undefined || expected === undefined) {
    throw new Fault('RELEASE_INVALID', `${path} holds values of the wrong length`);
  }
  if (!equalBytes(crypto.digest('sha256', bytes), expected)) {
    throw new Fault('RELEASE_INVALID', `${path}/weights.f32 does not have the digest in release.json`);
  }
  const statement = new Uint8Array(await readFile(join(path, 'statement.json')));
  return { digest, previous, round: record.round, statement, weights };
}
