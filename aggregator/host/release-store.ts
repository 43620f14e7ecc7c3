import { type FileHandle, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HOST_LIMITS } from './limits.ts';

/** A release on disk; digests in lower-case hex. */
export interface StoredRelease {
  readonly release: string;
  readonly manifestDigest: string;
  readonly round: number;
  readonly folder: string;
  /** Length of the payload, or `undefined` when it has expired. */
  readonly payloadBytes: number | undefined;
}

/** A release about to be stored: its signed statement and a way to write its payload. */
export interface IncomingRelease {
  readonly release: string;
  readonly manifestDigest: string;
  readonly round: number;
  readonly statement: Uint8Array;
  /** Writes the payload; resolves to a reason when it must not be kept. */
  readonly writePayload: (file: FileHandle) => Promise<string | undefined>;
}

const STUDY_FOLDER = /^[0-9a-f]{64}$/;
const RELEASE_FOLDER = /^(\d{1,10})-([0-9a-f]{64})$/;
const INCOMING_PREFIX = '.incoming-';

/**
 * Releases on disk: `studies/<manifest digest>/releases/<round>-<release>/{statement.json,payload.bin}`. A release
 * appears at once or not at all. Statements stay for ever, since they chain; of payloads the newest ones stay.
 */
export class ReleaseStore {
  readonly #root: string;
  readonly #keepPayloads: number;
  readonly #byDigest = new Map<string, StoredRelease>();
  readonly #waiting = new Map<string, Set<() => void>>();

  private constructor(root: string, keepPayloads: number) {
    this.#root = root;
    this.#keepPayloads = keepPayloads;
  }

  /** Opens the store in `folder`, which is made if need be. `keepPayloads` per study, at least 1. */
  static async open(folder: string, keepPayloads: number): Promise<ReleaseStore> {
    const store = new ReleaseStore(join(folder, 'studies'), keepPayloads);
    await mkdir(store.#root, { recursive: true });
    for (const study of await readdir(store.#root)) {
      if (STUDY_FOLDER.test(study)) await store.#load(study);
    }
    return store;
  }

  find(release: string): StoredRelease | undefined {
    return this.#byDigest.get(release);
  }

  /** Releases of a study by rising round. */
  list(manifestDigest: string): readonly StoredRelease[] {
    return [...this.#byDigest.values()]
      .filter((stored) => stored.manifestDigest === manifestDigest)
      .toSorted((a, b) => a.round - b.round);
  }

  /** Path of the signed statement. */
  statementPath(stored: StoredRelease): string {
    return join(stored.folder, 'statement.json');
  }

  /** Path of the payload. */
  payloadPath(stored: StoredRelease): string {
    return join(stored.folder, 'payload.bin');
  }

  /** Resolves when `release` is there or `signal` is aborted. */
  async waitFor(release: string, signal: AbortSignal): Promise<StoredRelease | undefined> {
    if (this.#byDigest.has(release) || signal.aborted) return this.#byDigest.get(release);
    await new Promise<void>((resolve) => {
      const waiters = this.#waiting.get(release) ?? new Set();
      this.#waiting.set(release, waiters);
      const rise = () => {
        waiters.delete(rise);
        if (waiters.size === 0) this.#waiting.delete(release);
        signal.removeEventListener('abort', rise);
        resolve();
      };
      waiters.add(rise);
      signal.addEventListener('abort', rise);
    });
    return this.#byDigest.get(release);
  }

  /** Stores a release; resolves to a reason when its payload was refused. A release that is there is left as it is. */
  async add(incoming: IncomingRelease): Promise<string | undefined> {
    const { release, manifestDigest, round } = incoming;
    if (this.#byDigest.has(release)) return undefined;
    if (this.list(manifestDigest).length >= HOST_LIMITS.releasesPerStudyMax) return 'the study has too many releases';
    const releases = join(this.#root, manifestDigest, 'releases');
    await mkdir(releases, { recursive: true });
    const temporary = await mkdtemp(join(releases, INCOMING_PREFIX));
    try {
      const refusal = await writeFiles(temporary, incoming);
      if (refusal !== undefined) return refusal;
      await rename(temporary, join(releases, `${round}-${release}`));
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    await syncFolder(releases);
    await this.#index(manifestDigest, `${round}-${release}`);
    await this.#expire(manifestDigest);
    for (const rise of this.#waiting.get(release) ?? []) rise();
    return undefined;
  }

  async #load(study: string): Promise<void> {
    const releases = join(this.#root, study, 'releases');
    await mkdir(releases, { recursive: true });
    for (const name of await readdir(releases)) {
      // Left by a host that ended while it wrote.
      if (name.startsWith(INCOMING_PREFIX)) await rm(join(releases, name), { recursive: true, force: true });
      else await this.#index(study, name);
    }
    await this.#expire(study);
  }

  async #index(manifestDigest: string, name: string): Promise<void> {
    const [, round, release] = RELEASE_FOLDER.exec(name) ?? [];
    if (round === undefined || release === undefined) return;
    const folder = join(this.#root, manifestDigest, 'releases', name);
    const payload = await stat(join(folder, 'payload.bin')).catch(() => undefined);
    const stored = { release, manifestDigest, round: Number(round), folder, payloadBytes: payload?.size };
    this.#byDigest.set(release, stored);
  }

  async #expire(manifestDigest: string): Promise<void> {
    const withPayload = this.list(manifestDigest).filter((stored) => stored.payloadBytes !== undefined);
    for (const stored of withPayload.slice(0, Math.max(withPayload.length - this.#keepPayloads, 0))) {
      this.#byDigest.set(stored.release, { ...stored, payloadBytes: undefined });
      await rm(this.payloadPath(stored), { force: true });
    }
  }
}

async function writeFiles(folder: string, incoming: IncomingRelease): Promise<string | undefined> {
  const refusal = await writeDurably(join(folder, 'payload.bin'), incoming.writePayload);
  if (refusal !== undefined) return refusal;
  return writeDurably(join(folder, 'statement.json'), async (file) => {
    await file.writeFile(incoming.statement);
    return undefined;
  });
}

async function writeDurably(
  path: string,
  write: (file: FileHandle) => Promise<string | undefined>,
): Promise<string | undefined> {
  const file = await open(path, 'wx');
  try {
    const refusal = await write(file);
    if (refusal === undefined) await file.datasync();
    return refusal;
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
