import { constants } from 'node:os';
import { concat, EMPTY } from '#shared/bytes/bytes.ts';

/** Errors of system calls that pseudo files give, by their names in errno(3). */
export type ErrorName = keyof typeof constants.errno;

/** A file that a kernel makes up: reading and writing it does something. */
export interface PseudoFile {
  /** What a reader finds, made when it reads first. Left out: the file cannot be opened for reading. */
  readonly read?: () => Promise<Uint8Array>;
  /** Takes what was written. Left out: the file cannot be opened for writing. */
  readonly write?: (bytes: Uint8Array) => Promise<void>;
  /**
   * When a write takes effect: each by itself (text attributes of configfs), or all of them together when the file is
   * closed (binary attributes of configfs, pseudo files of Gramine). What fails at the close, nobody hears of.
   */
  readonly takes: 'each-write' | 'all-at-close';
  /** Bytes that may be written; more fail with EFBIG, or EINVAL in a text attribute. */
  readonly bytesMax: number;
}

/** A part of a file system that a kernel makes up. Paths are relative to it, without slashes at either end. */
export interface PseudoTree {
  /** What is at a path; `undefined` for nothing. */
  find(path: string): PseudoFile | 'directory' | undefined;
  /** Names in a directory. */
  list(path: string): readonly string[];
  makeDirectory(path: string): void;
  removeDirectory(path: string): void;
}

/** The failure of a system call. */
export function systemError(code: ErrorName): Error {
  return Object.assign(new Error(code), { code });
}

/** One open pseudo file, with the position of its reader and what its writer has written. */
export interface OpenFile {
  /** At most `bytes` bytes from `position`, or from where the last read ended. Fewer may come; none mean the end. */
  read(bytes: number, position: number | undefined): Promise<Uint8Array>;
  /** Gives the number of bytes taken. */
  write(bytes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** A kernel fills one page at a time for a reader: whoever wants more has to ask again. */
export const READ_BYTES_MAX = 4096;

/** Opens `file` to read or to write it. Throws EACCES where it cannot be. */
export function openFile(file: PseudoFile, mode: 'read' | 'write'): OpenFile {
  const { read, write } = file;
  if ((mode === 'read' ? read : write) === undefined) throw systemError('EACCES');
  let content: Promise<Uint8Array> | undefined;
  let place = 0;
  let written: Uint8Array = EMPTY;
  return {
    async read(bytes, position) {
      if (mode !== 'read' || read === undefined) throw systemError('EBADF');
      content ??= read();
      const from = position ?? place;
      const piece = (await content).slice(from, from + Math.min(bytes, READ_BYTES_MAX));
      if (position === undefined) place += piece.length;
      return piece;
    },
    async write(bytes) {
      if (mode !== 'write' || write === undefined) throw systemError('EBADF');
      const all = file.takes === 'each-write' ? bytes : concat(written, bytes);
      if (all.length > file.bytesMax) throw systemError(file.takes === 'each-write' ? 'EINVAL' : 'EFBIG');
      written = all;
      if (file.takes === 'each-write') await write(bytes);
      return bytes.length;
    },
    async close() {
      if (mode === 'write' && file.takes === 'all-at-close' && written.length > 0) await write?.(written);
    },
  };
}
