import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FromHost } from '#boundary/from-host.ts';
import { BOUNDARY_LIMITS } from '#boundary/limits.ts';
import { equalBytes } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { endorsementKindOf } from '#shared/protocol/endorsement-files.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';

/** What goes along with evidence. */
export type Endorsements = Extract<FromHost, { readonly name: 'endorsements' }>['body']['items'];

/** Calls `action` again and again, `everyMs` apart; the result ends it. */
export type Repeat = (everyMs: number, action: () => void) => () => void;

/**
 * Reads the endorsements in `folder`, by name; files of other names are passed over.
 * Throws `CONFIG_INVALID` for what cannot be read, is empty or longer than evidence can carry, or too many.
 */
export async function readEndorsements(folder: string): Promise<Endorsements> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw unreadable(folder, cause);
  });
  const files = names.toSorted().flatMap((name) => {
    const kind = endorsementKindOf(name);
    return kind === undefined ? [] : [{ kind, path: join(folder, name) }];
  });
  if (files.length > BOUNDARY_LIMITS.endorsementsMax) {
    const most = BOUNDARY_LIMITS.endorsementsMax;
    throw invalid(
      `${folder} holds ${files.length} endorsements, at most ${most} go with evidence; keep this machine's`,
    );
  }
  return Promise.all(files.map(async ({ kind, path }) => ({ kind, bytes: await bytesOf(path) })));
}

async function bytesOf(path: string): Promise<Uint8Array> {
  const most = BOUNDARY_LIMITS.endorsementBytesMax;
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(most + 1));
      if (bytesRead > 0 && bytesRead <= most) return buffer.slice(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  throw invalid(`${path} must hold 1 to ${most} bytes`);
}

/**
 * The folder of endorsements as it is now: read at the start, when asked, and every {@link HOST_LIMITS}`.endorsementsMs`,
 * since collateral is replaced every few weeks while a study runs on.
 */
export class EndorsementFolder {
  readonly #folder: string;
  readonly #log: Log;
  readonly #changed: (items: Endorsements) => void;
  readonly #stop: () => void;
  #items: Endorsements;

  private constructor(folder: string, items: Endorsements, { log, repeat, changed }: EndorsementFolderParts) {
    this.#folder = folder;
    this.#items = items;
    this.#log = log;
    this.#changed = changed;
    this.#stop = repeat(HOST_LIMITS.endorsementsMs, () => void this.reread());
  }

  /** Throws `CONFIG_INVALID` when the folder cannot be read: at the start somebody is there to mend it. */
  static async open(folder: string, parts: EndorsementFolderParts): Promise<EndorsementFolder> {
    return new EndorsementFolder(folder, await readEndorsements(folder), parts);
  }

  get items(): Endorsements {
    return this.#items;
  }

  /** Reads the folder again. What it held stays in use while it cannot be read. */
  async reread(): Promise<void> {
    try {
      const items = await readEndorsements(this.#folder);
      if (sameItems(items, this.#items)) return;
      this.#items = items;
      this.#log.info({ event: 'endorsements-changed', count: items.length });
      this.#changed(items);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#log.warn({ event: 'endorsements-unreadable', error: error.message }, 'the former ones stay in use');
    }
  }

  close(): void {
    this.#stop();
  }
}

/** What a folder of endorsements needs. */
export interface EndorsementFolderParts {
  readonly log: Log;
  readonly repeat: Repeat;
  /** Told of what is there after a change. */
  readonly changed: (items: Endorsements) => void;
}

/** Time of this machine; what repeats does not keep the process alive. */
export const repeatBySystem: Repeat = (everyMs, action) => {
  const timer = setInterval(action, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};

function sameItems(left: Endorsements, right: Endorsements): boolean {
  return (
    left.length === right.length &&
    left.every(({ kind, bytes }, index) => {
      const other = right[index];
      return other !== undefined && kind === other.kind && equalBytes(bytes, other.bytes);
    })
  );
}

function unreadable(path: string, cause: unknown): Fault {
  const why = cause instanceof Error ? cause.message : 'unknown error';
  return new Fault('CONFIG_INVALID', `--endorsements: ${path} cannot be read: ${why}`, { cause });
}

function invalid(message: string): Fault {
  return new Fault('CONFIG_INVALID', `--endorsements: ${message}`);
}
