import { concat } from '../bytes/bytes.ts';
import { expectLength } from './length.ts';
import type { Encapsulation, Kem, KeyPair } from './port.ts';
import type { X25519 } from './x25519.ts';

/** ML-KEM-768 (FIPS 203) whose secret key is the 64-byte seed `d ‖ z`, as a platform gives it. */
export interface MlKem768 {
  publicKeyOf(seed: Uint8Array): Uint8Array;
  /** Throws when `publicKey` is not reduced (FIPS 203 section 7.2). */
  encapsulate(publicKey: Uint8Array): Encapsulation;
  decapsulate(encapsulated: Uint8Array, seed: Uint8Array): Uint8Array;
}

/** What X-Wing is made of. */
export interface XWingParts {
  readonly mlKem768: MlKem768;
  readonly x25519: X25519;
  randomBytes(count: number): Uint8Array;
  sha3(bytes: Uint8Array): Uint8Array;
  shake256(bytes: Uint8Array, lengthBytes: number): Uint8Array;
}

const ML_KEM_PUBLIC_BYTES = 1184;
const ML_KEM_CIPHERTEXT_BYTES = 1088;
const ML_KEM_SEED_BYTES = 64;
const X25519_BYTES = 32;
const SEED_BYTES = 32;
const PUBLIC_BYTES = ML_KEM_PUBLIC_BYTES + X25519_BYTES;
const ENCAPSULATED_BYTES = ML_KEM_CIPHERTEXT_BYTES + X25519_BYTES;

/** The label of the combiner: `\.//^\` in ASCII. */
const LABEL = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c);

/** X-Wing, draft-connolly-cfrg-xwing-kem: ML-KEM-768 and X25519 under one SHA3-256 combiner. Secret key: 32-byte seed. */
export function xWing(parts: XWingParts): Kem {
  const { mlKem768, x25519 } = parts;

  function expand(seed: Uint8Array): { readonly mlKem: Uint8Array; readonly x25519: Uint8Array; wipe(): void } {
    expectLength('secret key', seed, SEED_BYTES);
    const expanded = parts.shake256(seed, ML_KEM_SEED_BYTES + X25519_BYTES);
    return {
      mlKem: expanded.subarray(0, ML_KEM_SEED_BYTES),
      x25519: expanded.subarray(ML_KEM_SEED_BYTES),
      wipe: () => expanded.fill(0),
    };
  }

  function combine(
    secrets: readonly [Uint8Array, Uint8Array],
    encapsulatedX: Uint8Array,
    publicX: Uint8Array,
  ): Uint8Array {
    const ikm = concat(...secrets, encapsulatedX, publicX, LABEL);
    const sharedSecret = parts.sha3(ikm);
    ikm.fill(0);
    for (const secret of secrets) secret.fill(0);
    return sharedSecret;
  }

  function publicKeyOf(secretKey: Uint8Array): Uint8Array {
    const secret = expand(secretKey);
    const publicKey = concat(mlKem768.publicKeyOf(secret.mlKem), x25519.publicKeyOf(secret.x25519));
    secret.wipe();
    return publicKey;
  }

  return {
    id: 0x647a,
    publicKeyBytes: PUBLIC_BYTES,
    secretKeyBytes: SEED_BYTES,
    encapsulatedBytes: ENCAPSULATED_BYTES,
    sharedSecretBytes: 32,
    publicKeyOf,
    generate(): KeyPair {
      const secretKey = parts.randomBytes(SEED_BYTES);
      return { publicKey: publicKeyOf(secretKey), secretKey };
    },
    encapsulate(publicKey) {
      expectLength('public key', publicKey, PUBLIC_BYTES);
      const publicX = publicKey.subarray(ML_KEM_PUBLIC_BYTES);
      const ephemeral = parts.randomBytes(X25519_BYTES);
      const encapsulatedX = x25519.publicKeyOf(ephemeral);
      const secretX = x25519.sharedSecret(ephemeral, publicX);
      ephemeral.fill(0);
      const mlKem = mlKem768.encapsulate(publicKey.subarray(0, ML_KEM_PUBLIC_BYTES));
      return {
        encapsulated: concat(mlKem.encapsulated, encapsulatedX),
        sharedSecret: combine([mlKem.sharedSecret, secretX], encapsulatedX, publicX),
      };
    },
    decapsulate(encapsulated, secretKey) {
      expectLength('encapsulated key', encapsulated, ENCAPSULATED_BYTES);
      const encapsulatedX = encapsulated.subarray(ML_KEM_CIPHERTEXT_BYTES);
      const secret = expand(secretKey);
      const secretX = x25519.sharedSecret(secret.x25519, encapsulatedX);
      const secretM = mlKem768.decapsulate(encapsulated.subarray(0, ML_KEM_CIPHERTEXT_BYTES), secret.mlKem);
      const publicX = x25519.publicKeyOf(secret.x25519);
      secret.wipe();
      return combine([secretM, secretX], encapsulatedX, publicX);
    },
  };
}
