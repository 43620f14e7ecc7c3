import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { absence, readDeviceFile, readDeviceText, writeDeviceFile } from './device-file.ts';
import type { AttesterPorts } from './driver.ts';
import { attesterFailed, errorCode, failedAt, failureText } from './failure.ts';
import { type Again, patiently } from './patience.ts';

/**
 * The kernel's one interface to the evidence of a confidential guest (Linux 6.7 and later,
 * Documentation/ABI/testing/configfs-tsm-report): a folder is made, the data to sign written, the result read.
 */

/** Where configfs has it. */
export const TSM_FOLDER = '/sys/kernel/config/tsm/report';

type TsmPorts = Pick<AttesterPorts, 'files' | 'crypto' | 'clock'>;

/** What is asked of the kernel. */
export interface TsmRequest {
  /** {@link TSM_FOLDER}, or where a test has it. */
  readonly folder: string;
  /** Data to sign, exactly 64 bytes: the kernel takes fewer, the devices do not. */
  readonly inblob: Uint8Array;
  /** Privilege level of the report, 0 to 3; only where the provider knows such levels. */
  readonly privlevel?: number;
}

/** What the kernel gives. */
export interface TsmReport {
  readonly outblob: Uint8Array;
  /** What the host gave beside it; empty where the provider has no such thing or the host gave nothing. */
  readonly auxblob: Uint8Array;
}

/**
 * A report over the data of `request`. Throws `ATTESTER_FAILED` when the kernel refuses, or the device stays busy
 * through all attempts.
 */
export async function tsmReport(ports: TsmPorts, request: TsmRequest): Promise<TsmReport> {
  try {
    return await patiently(ports, () => inEntry(ports, request.folder, (entry) => reportOnce(ports, entry, request)));
  } catch (cause) {
    throw failedAt(`a report under ${request.folder}`, cause);
  }
}

/** What is missing for reports of `provider` under `folder`; `undefined` when nothing is. */
export async function missingProvider(ports: TsmPorts, folder: string, provider: string): Promise<string | undefined> {
  const absent = await absence(ports.files, folder);
  if (absent !== undefined) return absent;
  try {
    const { found } = await patiently(ports, () =>
      inEntry(ports, folder, async (entry) => ({ found: await readDeviceText(ports.files, `${entry}/provider`) })),
    );
    return found === provider ? undefined : `${folder} is served by ${found}, not by ${provider}`;
  } catch (cause) {
    // ENXIO: the interface is there, and no driver of a device behind it.
    return errorCode(cause) === 'ENXIO' ? `no device serves ${folder}` : failureText(folder, cause);
  }
}

/** Works in an entry of our own, of a name that nobody can guess, and removes it, whatever comes of the work. */
async function inEntry<T>(ports: TsmPorts, folder: string, work: (entry: string) => Promise<T>): Promise<T> {
  const { files, crypto } = ports;
  const entry = `${folder}/cloister-${toHex(crypto.randomBytes(8))}`;
  await files.mkdir(entry);
  const remove = () => patiently(ports, () => files.rmdir(entry));
  let result: T;
  try {
    result = await work(entry);
  } catch (cause) {
    // What went wrong first is what counts.
    await remove().catch(() => undefined);
    throw cause;
  }
  await remove();
  return result;
}

/**
 * One attempt. `generation` counts the writes to the entry: when it has not moved by exactly ours, one of them was
 * refused (for binary files configfs keeps that to itself) or somebody else wrote too, and the report may be theirs.
 */
async function reportOnce({ files }: TsmPorts, entry: string, request: TsmRequest): Promise<TsmReport | Again> {
  const { inblob, privlevel } = request;
  const before = await generationOf(files, entry);
  if (privlevel !== undefined) await writeDeviceFile(files, `${entry}/privlevel`, utf8(String(privlevel)));
  await writeDeviceFile(files, `${entry}/inblob`, inblob);
  const expected = before + (privlevel === undefined ? 1 : 2);
  if ((await generationOf(files, entry)) !== expected) return { again: 'the kernel did not take the data to sign' };
  const outblob = await readDeviceFile(files, `${entry}/outblob`);
  const auxblob = await readIfThere(files, `${entry}/auxblob`);
  if ((await generationOf(files, entry)) !== expected) return { again: 'somebody else changed the request' };
  if (outblob.length === 0) throw attesterFailed('the kernel gave an empty report');
  return { outblob, auxblob };
}

async function generationOf(files: TsmPorts['files'], entry: string): Promise<number> {
  const text = await readDeviceText(files, `${entry}/generation`);
  if (!/^\d{1,15}$/.test(text)) throw attesterFailed(`${entry}/generation is not a number`);
  return Number(text);
}

async function readIfThere(files: TsmPorts['files'], path: string): Promise<Uint8Array> {
  try {
    return await readDeviceFile(files, path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return new Uint8Array(0);
    throw cause;
  }
}
