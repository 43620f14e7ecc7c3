import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { Fault } from '#shared/fault/fault.ts';
import { type EmulatorRoot, withFingerprint } from './certify.ts';
import { keptSecret, replaceFile } from './kept-file.ts';
import { createRoot, SIGNING } from './pki.ts';
import type { Surroundings } from './surroundings.ts';

/** A vendor's root as it is kept. */
export interface KeptRoot {
  /** Beginning of the files' names. */
  readonly stem: string;
  /** What its key signs with. */
  readonly signing: { readonly name: string; readonly namedCurve: string; readonly hash: string };
  readonly create: () => Promise<EmulatorRoot>;
}

const PROBE_BYTES = 16;

/** The root of the emulated Nitro system kept in `folder`, made on first use; see {@link loadOrCreate}. */
export function loadOrCreateRoot(folder: string, surroundings: Surroundings): Promise<EmulatorRoot> {
  return loadOrCreate(folder, { stem: 'root', signing: SIGNING, create: () => createRoot(surroundings) });
}

/**
 * A root kept in `folder`, made on first use. `STEM.key.pem` (mode 0600) holds key and certificate and is what counts;
 * `STEM.pem` and `STEM.sha256` are written beside it for others to read. The folder is private to its owner.
 * @throws Fault - KEY_FILE_INVALID: the file is open to others or damaged
 */
export async function loadOrCreate(folder: string, kept: KeptRoot): Promise<EmulatorRoot> {
  const name = `${kept.stem}.key.pem`;
  const text = await keptSecret(folder, name, async () => pemOf(await kept.create()));
  const root = await rootOf(text, join(folder, name), kept.signing);
  await replaceFile(join(folder, `${kept.stem}.pem`), `${root.certificate.toString('pem')}\n`);
  await replaceFile(join(folder, `${kept.stem}.sha256`), `${root.sha256}\n`);
  return root;
}

/** A root as PEM: its key, then its certificate. */
async function pemOf({ keys, certificate }: EmulatorRoot): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n${certificate.toString('pem')}\n`;
}

async function rootOf(text: string, path: string, signing: KeptRoot['signing']): Promise<EmulatorRoot> {
  const [key, der] = x509.PemConverter.decode(text);
  if (key === undefined || der === undefined)
    throw unusable(`${path} lacks its key or certificate; delete it to make a new root`);
  const certificate = new x509.X509Certificate(der);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', key, signing, true, ['sign']);
  const publicKey = await certificate.publicKey.export(signing, ['verify'], webcrypto);
  const probe = new Uint8Array(PROBE_BYTES);
  const signature = await webcrypto.subtle.sign(signing, privateKey, probe);
  if (!(await webcrypto.subtle.verify(signing, publicKey, signature, probe))) {
    throw unusable(`${path} holds the key of another certificate; delete it to make a new root`);
  }
  return withFingerprint({ certificate, keys: { privateKey, publicKey } });
}

function unusable(what: string): Fault {
  return new Fault('KEY_FILE_INVALID', `the emulator root cannot be used: ${what}`);
}
