import { concat, utf8 } from '../bytes/bytes.ts';
import { expectLength } from './length.ts';
import type { Kem, KeyPair } from './port.ts';

/** X25519 (RFC 7748) on raw 32-byte keys, as a platform gives it. */
export interface X25519 {
  publicKeyOf(secretKey: Uint8Array): Uint8Array;
  /** Throws for a public key of small order, whose result would be all zeros (RFC 7748 section 6.1). */
  sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
}

/** HKDF-SHA256 and randomness, the rest of what DHKEM is made of. */
export interface DhkemParts {
  readonly x25519: X25519;
  randomBytes(count: number): Uint8Array;
  hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Uint8Array;
  hkdfExpand(prk: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array;
}

const KEM_ID = 0x0020;
const KEY_BYTES = 32;
const SECRET_BYTES = 32;
const SUITE_ID = concat(utf8('KEM'), Uint8Array.of(KEM_ID >> 8, KEM_ID & 0xff));
const VERSION = utf8('HPKE-v1');
const NO_SALT = new Uint8Array(0);

/** DHKEM(X25519, HKDF-SHA256), RFC 9180 section 4.1. */
export function dhkemX25519(parts: DhkemParts): Kem {
  const { x25519 } = parts;

  function extractAndExpand(dh: Uint8Array, kemContext: Uint8Array): Uint8Array {
    const prk = parts.hkdfExtract(NO_SALT, concat(VERSION, SUITE_ID, utf8('eae_prk'), dh));
    const info = concat(Uint8Array.of(0, SECRET_BYTES), VERSION, SUITE_ID, utf8('shared_secret'), kemContext);
    const secret = parts.hkdfExpand(prk, info, SECRET_BYTES);
    prk.fill(0);
    dh.fill(0);
    return secret;
  }

  return {
    id: KEM_ID,
    publicKeyBytes: KEY_BYTES,
    secretKeyBytes: KEY_BYTES,
    encapsulatedBytes: KEY_BYTES,
    sharedSecretBytes: SECRET_BYTES,
    generate(): KeyPair {
      const secretKey = parts.randomBytes(KEY_BYTES);
      return { publicKey: x25519.publicKeyOf(secretKey), secretKey };
    },
    publicKeyOf(secretKey) {
      expectLength('secret key', secretKey, KEY_BYTES);
      return x25519.publicKeyOf(secretKey);
    },
    encapsulate(publicKey) {
      expectLength('public key', publicKey, KEY_BYTES);
      const ephemeral = parts.randomBytes(KEY_BYTES);
      const encapsulated = x25519.publicKeyOf(ephemeral);
      const dh = x25519.sharedSecret(ephemeral, publicKey);
      ephemeral.fill(0);
      return { encapsulated, sharedSecret: extractAndExpand(dh, concat(encapsulated, publicKey)) };
    },
    decapsulate(encapsulated, secretKey) {
      expectLength('encapsulated key', encapsulated, KEY_BYTES);
      expectLength('secret key', secretKey, KEY_BYTES);
      const dh = x25519.sharedSecret(secretKey, encapsulated);
      return extractAndExpand(dh, concat(encapsulated, x25519.publicKeyOf(secretKey)));
    },
  };
}
