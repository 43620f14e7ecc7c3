import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, rmdir } from 'node:fs/promises';

/**
 * Files that a kernel serves for a device. Reads may give less than was asked for, any call may fail, and an error
 * has the kernel's name of it as its `code`.
 */
export interface DeviceFiles {
  /** Opens what is there for one direction. It is neither made nor cut: configfs refuses both. */
  open(path: string, direction: 'read' | 'write'): Promise<DeviceFile>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  /** Fails as the kernel says when `path` cannot be reached. */
  access(path: string): Promise<void>;
}

/** An open file of a device. */
export interface DeviceFile {
  /** Reads on, one call of the kernel; 0 at the end. */
  read(into: Uint8Array): Promise<number>;
  /** Writes, one call of the kernel; gives the bytes taken. */
  write(bytes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** The files of this machine. */
export const nodeDeviceFiles: DeviceFiles = {
  open: async (path, direction) =>
    opened(await open(path, direction === 'read' ? constants.O_RDONLY : constants.O_WRONLY)),
  mkdir: async (path) => {
    await mkdir(path);
  },
  rmdir: (path) => rmdir(path),
  access: (path) => access(path),
};

function opened(handle: FileHandle): DeviceFile {
  return {
    read: async (into) => (await handle.read(into, 0, into.length, null)).bytesRead,
    write: async (bytes) => (await handle.write(bytes, 0, bytes.length, null)).bytesWritten,
    close: () => handle.close(),
  };
}
