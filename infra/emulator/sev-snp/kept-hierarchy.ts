import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { attempt } from '#shared/attestation/malformed.ts';
import type { SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { Fault } from '#shared/fault/fault.ts';
import { keptSecret, replaceFile } from '../kept-file.ts';
import type { Surroundings } from '../surroundings.ts';
import {
  type AmdAuthority,
  type AmdHierarchy,
  createAmdHierarchy,
  generateAmdKeys,
  withFingerprint,
} from './hierarchy.ts';

const WHO = ['ark', 'ask', 'asvk'] as const;

/**
 * The authorities of `product` kept in `folder`, made on first use: `amd-milan.key.pem` (mode 0600) holds keys and
 * certificates and is what counts; the root's certificate and fingerprint are written beside it for others to read.
 * @throws Fault - KEY_FILE_INVALID: the file is open to others or damaged; close or delete it
 */
export async function loadOrCreateAmdHierarchy(
  folder: string,
  product: SnpProduct,
  surroundings: Surroundings,
): Promise<AmdHierarchy> {
  const stem = `amd-${product.toLowerCase()}`;
  const file = `${stem}.key.pem`;
  const text = await keptSecret(folder, file, () => freshHierarchy(product, surroundings));
  const hierarchy = hierarchyOf(product, text, join(folder, file));
  await replaceFile(join(folder, `${stem}.root.der`), hierarchy.ark.certificate);
  await replaceFile(join(folder, `${stem}.root.sha256`), `${hierarchy.sha256}\n`);
  return hierarchy;
}

/** Key and certificate of each authority, as PEM. */
async function freshHierarchy(product: SnpProduct, surroundings: Surroundings): Promise<string> {
  const hierarchy = createAmdHierarchy(product, await generateAmdKeys(), surroundings);
  return WHO.map((who) => {
    const { key, certificate } = hierarchy[who];
    return `${key.export({ type: 'pkcs8', format: 'pem' })}${new X509Certificate(certificate).toString()}`;
  }).join('');
}

function hierarchyOf(product: SnpProduct, text: string, path: string): AmdHierarchy {
  const blocks = text.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? [];
  const [ark, ask, asvk] = WHO.map((_, index) => authorityOf(blocks[2 * index], blocks[2 * index + 1], path));
  if (ark === undefined || ask === undefined || asvk === undefined) throw unusable(path);
  return withFingerprint({ product, ark, ask, asvk });
}

function authorityOf(keyPem: string | undefined, certificatePem: string | undefined, path: string): AmdAuthority {
  if (keyPem === undefined || certificatePem === undefined) throw unusable(path);
  const key = createPrivateKey(keyPem);
  const certificate = new Uint8Array(new X509Certificate(certificatePem).raw);
  const parsed = attempt(() => parseCertificate(certificate));
  if (parsed.kind === 'refused' || !isKeyOf(key, parsed.value.key.spki)) throw unusable(path);
  return { certificate, subject: parsed.value.subject, serial: parsed.value.serial, key };
}

function isKeyOf(key: KeyObject, spki: Uint8Array): boolean {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).equals(spki);
}

function unusable(path: string): Fault {
  return new Fault(
    'KEY_FILE_INVALID',
    `${path} does not hold the emulated AMD authorities; delete it to make new ones`,
  );
}
