import { EMPTY, utf8 } from '#shared/bytes/bytes.ts';
import { type PseudoFile, type PseudoTree, systemError } from './pseudo-file.ts';

/** A security processor as the kernel's TSM core sees it (`struct tsm_report_ops`). */
export interface TsmProvider {
  /** What `provider` says: `sev_guest` or `tdx_guest`. */
  readonly name: string;
  /** Makes a report over `inblob`; may throw a system error, EBUSY while the processor is asked too often. */
  report(inblob: Uint8Array, privilegeLevel: number): Promise<TsmReport>;
  /** Whether there are `auxblob`, `privlevel` and `privlevel_floor`; a TDX guest has none of them. */
  readonly hasPrivilegeLevels: boolean;
}

/** What a security processor gives. */
export interface TsmReport {
  readonly outblob: Uint8Array;
  /** Certificates that the host has put beside it; empty when it has put none. */
  readonly auxblob: Uint8Array;
}

/** Where a kernel has it. */
export const TSM_ROOT = '/sys/kernel/config/tsm/report';
/** Bytes of `inblob` (`TSM_REPORT_INBLOB_MAX`). */
export const INBLOB_BYTES_MAX = 64;
const PRIVILEGE_LEVEL_MAX = 3;
const PAGE_BYTES = 4096;

/** One directory under `report`: the options of a report, and the report made from them. */
interface Entry {
  inblob: Uint8Array;
  privilegeLevel: number;
  /** Writes so far; `generation` shows it. */
  writeGeneration: number;
  /** The write that `report` was made after. */
  readGeneration: number;
  report: TsmReport | undefined;
}

/**
 * `/sys/kernel/config/tsm/report` as `Documentation/ABI/testing/configfs-tsm-report` of Linux 6.7 has it: a directory
 * for each caller, whose `outblob` is made anew when something was written since it was made last.
 */
export function configfsTsm(provider: TsmProvider): PseudoTree {
  const entries = new Map<string, Entry>();
  return {
    find(path) {
      if (path === '') return 'directory';
      const [name = '', file, ...deeper] = path.split('/');
      const entry = entries.get(name);
      if (entry === undefined || deeper.length > 0) return undefined;
      return file === undefined ? 'directory' : filesOf(entry, provider).get(file);
    },
    list(path) {
      const entry = entries.get(path);
      return path === '' || entry === undefined ? [...entries.keys()] : [...filesOf(entry, provider).keys()];
    },
    makeDirectory(path) {
      if (path.includes('/')) throw systemError('EPERM');
      if (path === '' || entries.has(path)) throw systemError('EEXIST');
      entries.set(path, {
        inblob: EMPTY,
        privilegeLevel: 0,
        writeGeneration: 0,
        readGeneration: 0,
        report: undefined,
      });
    },
    removeDirectory(path) {
      if (!entries.delete(path)) throw systemError('ENOENT');
    },
  };
}

function filesOf(entry: Entry, provider: TsmProvider): ReadonlyMap<string, PseudoFile> {
  const files = new Map<string, PseudoFile>([
    ['generation', shown(() => `${entry.writeGeneration}\n`)],
    ['provider', shown(() => `${provider.name}\n`)],
    ['inblob', inblobOf(entry)],
    ['outblob', made(entry, provider, (report) => report.outblob)],
  ]);
  if (!provider.hasPrivilegeLevels) return files;
  files.set(
    'auxblob',
    made(entry, provider, (report) => report.auxblob),
  );
  files.set('privlevel', privilegeLevelOf(entry));
  return files.set(
    'privlevel_floor',
    shown(() => '0\n'),
  );
}

function shown(text: () => string): PseudoFile {
  return { read: async () => utf8(text()), takes: 'each-write', bytesMax: 0 };
}

function inblobOf(entry: Entry): PseudoFile {
  return {
    write: async (bytes) => {
      entry.writeGeneration += 1;
      entry.inblob = bytes;
    },
    takes: 'all-at-close',
    bytesMax: INBLOB_BYTES_MAX,
  };
}

function privilegeLevelOf(entry: Entry): PseudoFile {
  return {
    write: async (bytes) => {
      const level = Number(new TextDecoder().decode(bytes));
      if (!Number.isInteger(level) || level < 0 || level > PRIVILEGE_LEVEL_MAX) throw systemError('EINVAL');
      entry.writeGeneration += 1;
      entry.privilegeLevel = level;
    },
    takes: 'each-write',
    bytesMax: PAGE_BYTES,
  };
}

function made(entry: Entry, provider: TsmProvider, pick: (report: TsmReport) => Uint8Array): PseudoFile {
  return {
    read: async () => {
      if (entry.inblob.length === 0) throw systemError('EINVAL');
      const generation = entry.writeGeneration;
      if (entry.report === undefined || entry.readGeneration !== generation) {
        entry.report = await provider.report(entry.inblob, entry.privilegeLevel);
        entry.readGeneration = generation;
      }
      return pick(entry.report);
    },
    takes: 'each-write',
    bytesMax: 0,
  };
}
