import 'reflect-metadata';
import { randomUUID, webcrypto } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { assert, Fault } from '#shared/fault/fault.ts';
import { createRoot, type EmulatorRoot, SIGNING, type Surroundings, withFingerprint } from './pki.ts';

const KEY_FILE = 'root.key.pem';
/** Permission bits of group and others. */
const OTHERS = 0o077;
const PROBE_BYTES = 16;

/**
 * The root kept in `folder`, made on first use. `root.key.pem` (mode 0600) holds key and certificate and is what
 * counts; `root.pem` and `root.sha256` are written beside it for others to read. The folder is private to its owner.
 */
export async function loadOrCreateRoot(folder: string, surroundings: Surroundings): Promise<EmulatorRoot> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const root = (await readRoot(folder)) ?? (await keepRoot(folder, await createRoot(surroundings)));
  await replaceFile(join(folder, 'root.pem'), `${root.certificate.toString('pem')}\n`);
  await replaceFile(join(folder, 'root.sha256'), `${root.sha256}\n`);
  return root;
}

/** Keeps `root` unless somebody was faster: of two that start at once, both use the root of the first. */
async function keepRoot(folder: string, root: EmulatorRoot): Promise<EmulatorRoot> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', root.keys.privateKey);
  const text = `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n${root.certificate.toString('pem')}\n`;
  const fresh = join(folder, `root.${randomUUID()}.new`);
  await writeFile(fresh, text, { mode: 0o600 });
  try {
    // A link, unlike a rename, never replaces what is there.
    await link(fresh, join(folder, KEY_FILE));
    return root;
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    const first = await readRoot(folder);
    assert(first !== undefined, 'a root that exists and cannot be found');
    return first;
  } finally {
    await unlink(fresh);
  }
}

async function readRoot(folder: string): Promise<EmulatorRoot | undefined> {
  const path = join(folder, KEY_FILE);
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  const { mode } = await stat(path);
  if ((mode & OTHERS) !== 0) throw unusable(`${path} is open to others; run chmod 600 on it`);
  const [key, der] = x509.PemConverter.decode(text);
  if (key === undefined || der === undefined)
    throw unusable(`${path} lacks its key or certificate; delete it to make a new root`);
  const certificate = new x509.X509Certificate(der);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', key, SIGNING, true, ['sign']);
  const publicKey = await certificate.publicKey.export(SIGNING, ['verify'], webcrypto);
  const probe = new Uint8Array(PROBE_BYTES);
  const signature = await webcrypto.subtle.sign(SIGNING, privateKey, probe);
  if (!(await webcrypto.subtle.verify(SIGNING, publicKey, signature, probe))) {
    throw unusable(`${path} holds the key of another certificate; delete it to make a new root`);
  }
  return withFingerprint({ certificate, keys: { privateKey, publicKey } });
}

function unusable(what: string): Fault {
  return new Fault('KEY_FILE_INVALID', `the emulator root cannot be used: ${what}`);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Whoever reads the path sees a whole file. */
async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}.new`;
  await writeFile(fresh, text);
  await rename(fresh, path);
}
