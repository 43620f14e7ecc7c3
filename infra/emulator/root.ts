import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { Fault } from '#shared/fault/fault.ts';
import { keptSecret, replaceFile } from './kept-file.ts';
import { createRoot, type EmulatorRoot, SIGNING, type Surroundings, withFingerprint } from './pki.ts';

const KEY_FILE = 'root.key.pem';
const PROBE_BYTES = 16;

/**
 * The root kept in `folder`, made on first use. `root.key.pem` (mode 0600) holds key and certificate and is what
 * counts; `root.pem` and `root.sha256` are written beside it for others to read. The folder is private to its owner.
 */
export async function loadOrCreateRoot(folder: string, surroundings: Surroundings): Promise<EmulatorRoot> {
  const root = await rootOf(await keptSecret(folder, KEY_FILE, () => freshRoot(surroundings)), join(folder, KEY_FILE));
  await replaceFile(join(folder, 'root.pem'), `${root.certificate.toString('pem')}\n`);
  await replaceFile(join(folder, 'root.sha256'), `${root.sha256}\n`);
  return root;
}

/** A new root as PEM: its key, then its certificate. */
async function freshRoot(surroundings: Surroundings): Promise<string> {
  const root = await createRoot(surroundings);
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', root.keys.privateKey);
  return `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n${root.certificate.toString('pem')}\n`;
}

async function rootOf(text: string, path: string): Promise<EmulatorRoot> {
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
