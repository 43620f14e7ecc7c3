import { attesterFailed, errorCode, failureText } from './failure.ts';
import type { DeviceFiles } from './transport/device-files.ts';

/** The most that the kernel gives in one file of configfs-tsm (`TSM_OUTBLOB_MAX`); Gramine's quotes are shorter. */
const DEVICE_FILE_BYTES_MAX = 32 * 1024;

/** All of a file, however short the reads. Throws the kernel's error, or `ATTESTER_FAILED` above `bytesMax`. */
export async function readDeviceFile(
  files: DeviceFiles,
  path: string,
  bytesMax = DEVICE_FILE_BYTES_MAX,
): Promise<Uint8Array> {
  const file = await files.open(path, 'read');
  try {
    // One byte more than allowed, so that a longer file is seen to be longer.
    const bytes = new Uint8Array(bytesMax + 1);
    let length = 0;
    for (;;) {
      const count = await file.read(bytes.subarray(length));
      length += count;
      if (length > bytesMax) throw attesterFailed(`${path} holds more than ${bytesMax} bytes`);
      if (count === 0) return bytes.slice(0, length);
    }
  } finally {
    await file.close();
  }
}

/**
 * Writes `bytes` in one call of the kernel, which is what makes them one value. Both configfs and Gramine take the
 * value when the file is closed, so nothing is written before this has resolved.
 */
export async function writeDeviceFile(files: DeviceFiles, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.open(path, 'write');
  try {
    const count = await file.write(bytes);
    if (count !== bytes.length) throw attesterFailed(`${path} took ${count} of ${bytes.length} bytes`);
  } finally {
    await file.close();
  }
}

/** A short text that the kernel ends with a line feed. */
export async function readDeviceText(files: DeviceFiles, path: string): Promise<string> {
  return new TextDecoder().decode(await readDeviceFile(files, path, 4096)).trim();
}

/** Why `path` cannot be reached, for the operator; `undefined` when it can. */
export async function absence(files: DeviceFiles, path: string): Promise<string | undefined> {
  try {
    await files.access(path);
    return undefined;
  } catch (cause) {
    return errorCode(cause) === 'ENOENT' ? `there is no ${path}` : failureText(path, cause);
  }
}
