/**
 * The crypto port for browsers: AES-256-GCM and certificate signatures by WebCrypto, everything that must answer at
 * once by the `@noble` packages.
 */
import { ed25519, x25519 as nobleX25519 } from '@noble/curves/ed25519.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { concat, equalBytes } from '../bytes/bytes.ts';
import { curveOf, rawSignature } from './certificate-key.ts';
import { isStrictEd25519Point } from './ed25519-point.ts';
import { expectLength } from './length.ts';
import type { CertificateSignature, CryptoPort, DigestName, ReplayDigestName } from './port.ts';
import { type MlKem768, xWing } from './x-wing.ts';
import { dhkemX25519, type X25519 } from './x25519.ts';

const DIGESTS = { sha1, sha256, sha384, sha512 } as const;
const WEB_DIGESTS: Readonly<Record<DigestName, string>> = { sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' };
const TAG_BYTES = 16;

/** WebCrypto, as the page or the test gives it. */
export type WebCrypto = Pick<typeof globalThis.crypto, 'subtle' | 'getRandomValues'>;

/** Most bytes that one call of getRandomValues gives (W3C Web Cryptography section 10.1.1). */
const RANDOM_STEP = 65536;

const x25519: X25519 = {
  publicKeyOf: (secretKey) => nobleX25519.getPublicKey(secretKey),
  sharedSecret: (secretKey, publicKey) => nobleX25519.getSharedSecret(secretKey, publicKey),
};

const mlKem768: MlKem768 = {
  publicKeyOf: (seed) => ml_kem768.keygen(seed).publicKey,
  encapsulate(publicKey) {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey);
    return { encapsulated: cipherText, sharedSecret };
  },
  decapsulate: (encapsulated, seed) => ml_kem768.decapsulate(encapsulated, ml_kem768.keygen(seed).secretKey),
};

function hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return extract(sha256, ikm, salt);
}

function hkdfExpand(prk: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  return expand(sha256, prk, info, lengthBytes);
}

/** The port on `web` (the page's `crypto`). */
export function webCrypto(web: WebCrypto): CryptoPort {
  function randomBytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i += RANDOM_STEP) web.getRandomValues(bytes.subarray(i, i + RANDOM_STEP));
    return bytes;
  }

  return {
    randomBytes,
    digest: (name, ...parts) => hasherOf(name, parts).digest(),
    hasher: (name) => hasherOf(name, []),
    hkdfExtract,
    hkdfExpand,
    ...aesGcm(web),
    ...ED25519,
    xWing: xWing({
      mlKem768,
      x25519,
      randomBytes,
      sha3: (bytes) => sha3_256(bytes),
      shake256: (bytes, lengthBytes) => shake256(bytes, { dkLen: lengthBytes }),
    }),
    x25519: dhkemX25519({ x25519, randomBytes, hkdfExtract, hkdfExpand }),
    ed25519Generate() {
      const secretKey = randomBytes(32);
      return { publicKey: ed25519.getPublicKey(secretKey), secretKey };
    },
    async verifyCertificateSignature(scheme, spki, signature, message) {
      try {
        return await verifyCertificate(web, { scheme, spki }, signature, message);
      } catch {
        // A malformed key counts as a signature that does not verify.
        return false;
      }
    },
  };
}

function hasherOf(name: ReplayDigestName, parts: readonly Uint8Array[]) {
  const hasher = DIGESTS[name].create();
  for (const part of parts) hasher.update(part);
  return {
    update: (part: Uint8Array) => void hasher.update(part),
    digest: () => hasher.digest(),
  };
}

function gcmParameters(nonce: Uint8Array, aad: Uint8Array) {
  expectLength('nonce', nonce, 12);
  return { name: 'AES-GCM', iv: bufferSource(nonce), additionalData: bufferSource(aad) };
}

function aesGcm({ subtle }: WebCrypto): Pick<CryptoPort, 'aesGcmSeal' | 'aesGcmOpen'> {
  async function importKey(key: Uint8Array, usage: 'encrypt' | 'decrypt') {
    expectLength('key', key, 32);
    return subtle.importKey('raw', bufferSource(key), 'AES-GCM', false, [usage]);
  }
  return {
    async aesGcmSeal(key, nonce, aad, plaintext) {
      const parameters = gcmParameters(nonce, aad);
      const imported = await importKey(key, 'encrypt');
      return new Uint8Array(await subtle.encrypt(parameters, imported, bufferSource(plaintext)));
    },
    async aesGcmOpen(key, nonce, aad, sealed) {
      const parameters = gcmParameters(nonce, aad);
      const imported = await importKey(key, 'decrypt');
      if (sealed.length < TAG_BYTES) return undefined;
      try {
        return new Uint8Array(await subtle.decrypt(parameters, imported, bufferSource(sealed)));
      } catch {
        // WebCrypto rejects for exactly one reason here, a tag that does not hold; the answer is the return value.
        return undefined;
      }
    },
  };
}

const ED25519: Pick<CryptoPort, 'ed25519PublicKey' | 'ed25519Sign' | 'ed25519Verify'> = {
  ed25519PublicKey: (secretKey) => ed25519.getPublicKey(secretKey),
  ed25519Sign: (message, secretKey) => ed25519.sign(message, secretKey),
  ed25519Verify(signature, message, publicKey) {
    if (signature.length !== 64 || !isStrictEd25519Point(publicKey)) return false;
    // OpenSSL refuses an R of small order although the equation may hold; so that all ports agree, they all ask.
    if (!isStrictEd25519Point(signature.subarray(0, 32))) return false;
    try {
      return verifyEquation(signature, message, publicKey);
    } catch {
      // The key or R is not a point of the curve: a bad signature like any other.
      return false;
    }
  },
};

/**
 * RFC 8032 section 5.1.7 without the cofactor, which it allows: R must be the very encoding of [S]B - [k]A. OpenSSL
 * does the same, so both ports agree on every input; with the cofactor, keys and R of mixed order would divide them.
 */
function verifyEquation(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const { Point } = ed25519;
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= Point.Fn.ORDER) return false;
  const k = littleEndian(sha512(concat(r, publicKey, message))) % Point.Fn.ORDER;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(publicKey).multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), r);
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  return value;
}

async function verifyCertificate(
  { subtle }: WebCrypto,
  key: { readonly scheme: CertificateSignature; readonly spki: Uint8Array },
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  const { scheme } = key;
  const spki = bufferSource(key.spki);
  const hash = WEB_DIGESTS[scheme.hash];
  if (scheme.kind !== 'ecdsa') {
    const name = scheme.kind === 'rsa-pss' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5';
    const rsa = await subtle.importKey('spki', spki, { name, hash }, false, ['verify']);
    const salt = scheme.kind === 'rsa-pss' ? { saltLength: scheme.saltBytes } : {};
    return subtle.verify({ name, ...salt }, rsa, bufferSource(signature), bufferSource(message));
  }
  const curve = curveOf(key.spki);
  if (curve === undefined) return false;
  const raw = scheme.encoding === 'der' ? rawSignature(signature, curve.scalarBytes) : signature;
  if (raw === undefined) return false;
  const ec = await subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: curve.name }, false, ['verify']);
  return subtle.verify({ name: 'ECDSA', hash }, ec, bufferSource(raw), bufferSource(message));
}

/** WebCrypto takes views of unshared memory only; a view of shared memory is copied. */
function bufferSource(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(bytes);
}
