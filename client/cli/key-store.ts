import { open } from 'node:fs/promises';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import {
  type CoordinatorKeys,
  decodeKeyFile,
  encodeKeyFile,
  KEY_FILE_BYTES_MAX,
  type Keys,
  type ParticipantKeys,
} from '#shared/keys/key-file.ts';
import { systemWords, writeNew } from './input-file.ts';

const OTHERS_MASK = 0o077;

/** Writes keys to a new file that only its owner can read. @throws Fault `CONFIG_INVALID` when it exists. */
export async function writeKeys(path: string, keys: Keys): Promise<void> {
  await writeNew(path, encodeKeyFile(keys), 0o600);
}

/** The keys in `path`. @throws Fault `KEY_FILE_INVALID` when it is absent, malformed or readable by others. */
export async function readKeys(path: string, crypto: CryptoPort): Promise<Keys> {
  let bytes: Uint8Array;
  try {
    // One handle for both, so that what was looked at is what is read.
    const file = await open(path, 'r');
    try {
      const { mode, size } = await file.stat();
      if ((mode & OTHERS_MASK) !== 0) throw tooOpen(path, mode);
      if (size > KEY_FILE_BYTES_MAX) throw new Fault('KEY_FILE_INVALID', `${path} is too long to be a key file`);
      bytes = new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault(
      'KEY_FILE_INVALID',
      `${path} cannot be read: ${systemWords(cause)}; cloister keygen makes key files`,
      {
        cause,
      },
    );
  }
  return decodeKeyFile(bytes, crypto);
}

function tooOpen(path: string, mode: number): Fault {
  const found = (mode & 0o777).toString(8).padStart(3, '0');
  return new Fault('KEY_FILE_INVALID', `${path} has mode ${found}, so that others may read it; run: chmod 600 ${path}`);
}

/** A coordinator's keys. @throws Fault `KEY_FILE_INVALID`, also for a participant's. */
export async function readCoordinatorKeys(path: string, crypto: CryptoPort): Promise<CoordinatorKeys> {
  const keys = await readKeys(path, crypto);
  if (keys.kind === 'coordinator') return keys;
  throw new Fault('KEY_FILE_INVALID', `${path} holds the keys of a participant, expected those of a coordinator`);
}

/** A participant's keys. @throws Fault `KEY_FILE_INVALID`, also for a coordinator's. */
export async function readParticipantKeys(path: string, crypto: CryptoPort): Promise<ParticipantKeys> {
  const keys = await readKeys(path, crypto);
  if (keys.kind === 'participant') return keys;
  throw new Fault('KEY_FILE_INVALID', `${path} holds the keys of a coordinator, expected those of a participant`);
}
