import 'reflect-metadata';
import { createPublicKey, KeyObject, webcrypto } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { Fault } from '#shared/fault/fault.ts';
import { keptSecret } from '../kept-file.ts';
import type { Surroundings } from '../surroundings.ts';
import { createGooglePki, type GooglePki, googlePki, RSA } from './google-pki.ts';

const KEY_FILE = 'confidential-space.pem';

/**
 * The emulated Confidential Space PKI kept in `folder`, made on first use: the keys of root, intermediate and leaf, then
 * the root's certificate, as PEM in `confidential-space.pem` (mode 0600).
 * @throws Fault - KEY_FILE_INVALID: the file does not hold these; delete it to make new ones
 */
export async function loadOrCreateGooglePki(folder: string, surroundings: Surroundings): Promise<GooglePki> {
  const text = await keptSecret(folder, KEY_FILE, async () => pemOf(await createGooglePki(surroundings)));
  const [root, intermediate, leaf, certificate, ...others] = x509.PemConverter.decode(text);
  if (root === undefined || intermediate === undefined || leaf === undefined || certificate === undefined) {
    throw unusable(join(folder, KEY_FILE));
  }
  if (others.length > 0) throw unusable(join(folder, KEY_FILE));
  return googlePki(new x509.X509Certificate(certificate), {
    root: await keysOf(root),
    intermediate: await keysOf(intermediate),
    leaf: await keysOf(leaf),
  });
}

async function pemOf({ root, keys }: GooglePki): Promise<string> {
  const pems = await Promise.all(
    [keys.root, keys.intermediate, keys.leaf].map(async ({ privateKey }) =>
      x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY'),
    ),
  );
  return [...pems, root.toString('pem'), ''].join('\n');
}

async function keysOf(pkcs8: ArrayBuffer): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, RSA, true, ['sign']);
  const publicKey = createPublicKey(KeyObject.from(privateKey)).toCryptoKey(RSA, true, ['verify']);
  return { privateKey, publicKey };
}

function unusable(path: string): Fault {
  return new Fault('KEY_FILE_INVALID', `${path} lacks a key or its certificate; delete it to make new ones`);
}
