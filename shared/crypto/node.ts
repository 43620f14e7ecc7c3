/**
 * The crypto port on `node:crypto` (OpenSSL). The one file of `shared` that touches the platform.
 * Every key enters as raw bytes behind its fixed DER prefix (RFC 8410, RFC 9935), so that no key object outlives a call.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  hash,
  type KeyObject,
  randomFillSync,
  sign,
  verify,
} from 'node:crypto';
import { concat, fromHex } from '../bytes/bytes.ts';
import { assert } from '../fault/fault.ts';
import { isStrictEd25519Point } from './ed25519-point.ts';
import { expectLength } from './length.ts';
import type { CertificateSignature, CryptoPort, DigestName, Encapsulation, Hasher, ReplayDigestName } from './port.ts';
import { type MlKem768, xWing } from './x-wing.ts';
import { dhkemX25519, type X25519 } from './x25519.ts';

const TAG_BYTES = 16;
const HMAC_BYTES = 32;

/** DER around raw keys: PrivateKeyInfo up to the secret, SubjectPublicKeyInfo up to the public key. */
const DER = {
  ed25519: { secret: der('302e020100300506032b657004220420'), public: der('302a300506032b6570032100') },
  x25519: { secret: der('302e020100300506032b656e04220420'), public: der('302a300506032b656e032100') },
  mlKem768: {
    secret: der('3054020100300b060960864801650304040204428040'),
    public: der('308204b2300b0609608648016503040402038204a100'),
  },
};

type KeyKind = keyof typeof DER;

function der(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  assert(bytes !== undefined, 'a DER prefix is not hexadecimal');
  return bytes;
}

/** A plain view of a Buffer: callers compare, slice and serialise Uint8Arrays. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function secretKeyObject(kind: KeyKind, secret: Uint8Array): KeyObject {
  const encoded = Buffer.from(concat(DER[kind].secret, secret).buffer);
  const key = createPrivateKey({ key: encoded, format: 'der', type: 'pkcs8' });
  encoded.fill(0);
  return key;
}

function publicKeyObject(kind: KeyKind, publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([DER[kind].public, publicKey]), format: 'der', type: 'spki' });
}

function publicKeyOf(kind: KeyKind, secret: Uint8Array): Uint8Array {
  const exported = createPublicKey(secretKeyObject(kind, secret)).export({ format: 'der', type: 'spki' });
  return plain(exported).slice(DER[kind].public.length);
}

const x25519: X25519 = {
  publicKeyOf: (secretKey) => publicKeyOf('x25519', secretKey),
  sharedSecret: (secretKey, publicKey) =>
    plain(
      diffieHellman({
        privateKey: secretKeyObject('x25519', secretKey),
        publicKey: publicKeyObject('x25519', publicKey),
      }),
    ),
};

const mlKem768: MlKem768 = {
  publicKeyOf: (seed) => publicKeyOf('mlKem768', seed),
  encapsulate(publicKey): Encapsulation {
    const { sharedKey, ciphertext } = encapsulate(publicKeyObject('mlKem768', publicKey));
    return { encapsulated: plain(ciphertext), sharedSecret: plain(sharedKey) };
  },
  decapsulate: (encapsulated, seed) => plain(decapsulate(secretKeyObject('mlKem768', seed), encapsulated)),
};

function randomBytes(count: number): Uint8Array {
  return randomFillSync(new Uint8Array(count));
}

function digest(name: ReplayDigestName, ...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return plain(hash(name, only, 'buffer'));
  const digester = createHash(name);
  for (const part of parts) digester.update(part);
  return plain(digester.digest());
}

function hasher(name: DigestName): Hasher {
  const digester = createHash(name);
  return {
    update: (part) => void digester.update(part),
    digest: () => plain(digester.digest()),
  };
}

function hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return plain(createHmac('sha256', salt).update(ikm).digest());
}

/** RFC 5869 section 2.3. */
function hkdfExpand(prk: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  if (lengthBytes > 255 * HMAC_BYTES) throw new RangeError(`HKDF gives at most ${255 * HMAC_BYTES} bytes`);
  const blocks = Math.ceil(lengthBytes / HMAC_BYTES);
  const expanded = new Uint8Array(blocks * HMAC_BYTES);
  for (let i = 0; i < blocks; i++) {
    const previous = expanded.subarray(Math.max(0, i - 1) * HMAC_BYTES, i * HMAC_BYTES);
    const block = createHmac('sha256', prk)
      .update(previous)
      .update(info)
      .update(Uint8Array.of(i + 1));
    expanded.set(block.digest(), i * HMAC_BYTES);
  }
  return expanded.subarray(0, lengthBytes);
}

/**
 * Done on the calling thread: for every chunk size in use one call into OpenSSL is two to three times as fast as
 * WebCrypto's trip through the thread pool. A key object saves 10 µs a call over the same key as raw bytes.
 */
async function aesGcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return plain(Buffer.concat([ciphertext, cipher.getAuthTag()], ciphertext.length + TAG_BYTES));
}

async function aesGcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Promise<Uint8Array | undefined> {
  const plaintextBytes = sealed.length - TAG_BYTES;
  if (plaintextBytes < 0) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', createSecretKey(key), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(plaintextBytes));
  const plaintext = plain(decipher.update(sealed.subarray(0, plaintextBytes)));
  try {
    decipher.final();
    return plaintext;
  } catch {
    // `final` throws for exactly one reason, a tag that does not hold; the answer is the return value.
    plaintext.fill(0);
    return undefined;
  }
}

function ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || !isStrictEd25519Point(publicKey)) return false;
  // OpenSSL refuses an R of small order although the equation may hold; so that all ports agree, they all ask.
  if (!isStrictEd25519Point(signature.subarray(0, 32))) return false;
  try {
    return verify(null, message, publicKeyObject('ed25519', publicKey), signature);
  } catch {
    // OpenSSL throws for a key that is not on the curve: a bad signature like any other.
    return false;
  }
}

async function verifyCertificateSignature(
  scheme: CertificateSignature,
  spki: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType !== (scheme.kind === 'ecdsa' ? 'ec' : 'rsa')) return false;
    return verify(scheme.hash, message, { key, ...certificateOptions(scheme) }, signature);
  } catch {
    // A malformed key or signature counts as a signature that does not verify.
    return false;
  }
}

function certificateOptions(scheme: CertificateSignature): object {
  switch (scheme.kind) {
    case 'ecdsa':
      return { dsaEncoding: scheme.encoding === 'der' ? 'der' : 'ieee-p1363' };
    case 'rsa-pss':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltBytes };
    case 'rsa-pkcs1':
      return { padding: constants.RSA_PKCS1_PADDING };
  }
}

/** The port on Node. Stateless: one value serves the whole process. */
export const nodeCrypto: CryptoPort = {
  randomBytes,
  digest,
  hasher,
  hkdfExtract,
  hkdfExpand,
  aesGcmSeal,
  aesGcmOpen,
  xWing: xWing({
    mlKem768,
    x25519,
    randomBytes,
    sha3: (bytes) => plain(hash('sha3-256', bytes, 'buffer')),
    shake256: (bytes, lengthBytes) =>
      plain(createHash('shake256', { outputLength: lengthBytes }).update(bytes).digest()),
  }),
  x25519: dhkemX25519({ x25519, randomBytes, hkdfExtract, hkdfExpand }),
  ed25519Generate() {
    const secretKey = randomBytes(32);
    return { publicKey: publicKeyOf('ed25519', secretKey), secretKey };
  },
  ed25519PublicKey(secretKey) {
    expectLength('secret key', secretKey, 32);
    return publicKeyOf('ed25519', secretKey);
  },
  ed25519Sign(message, secretKey) {
    expectLength('secret key', secretKey, 32);
    return plain(sign(null, message, secretKeyObject('ed25519', secretKey)));
  },
  ed25519Verify,
  verifyCertificateSignature,
};
