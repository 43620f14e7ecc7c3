/**
 * The platform's cryptography, as the rest of the protocol sees it. One implementation on `node:crypto`
 * (`node.ts`), one on WebCrypto for browsers. Bulk and certificate work is asynchronous where a platform makes it so;
 * everything else answers at once.
 */

/** SHA-2 digests in use. */
export type DigestName = 'sha256' | 'sha384' | 'sha512';

/**
 * SHA-1 besides them, to replay the SHA-1 register bank of a TPM and for nothing else: it is no {@link DigestName}, so
 * that no signature can be verified with it.
 */
export type ReplayDigestName = DigestName | 'sha1';

/** A key pair of raw bytes. `secretKey` must be wiped by its owner when it is no longer needed. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** What a KEM gives the sender: the encapsulated key to send and the secret to keep. */
export interface Encapsulation {
  readonly encapsulated: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

/** A key-encapsulation mechanism by its HPKE id (RFC 9180 section 7.1, X-Wing draft for 0x647a). */
export interface Kem {
  readonly id: number;
  readonly publicKeyBytes: number;
  readonly secretKeyBytes: number;
  readonly encapsulatedBytes: number;
  readonly sharedSecretBytes: number;
  generate(): KeyPair;
  /** The public key that belongs to `secretKey`. */
  publicKeyOf(secretKey: Uint8Array): Uint8Array;
  /** Throws when `publicKey` is malformed. */
  encapsulate(publicKey: Uint8Array): Encapsulation;
  /** Throws when `encapsulated` is malformed. */
  decapsulate(encapsulated: Uint8Array, secretKey: Uint8Array): Uint8Array;
}

/** ECDSA and RSA-PSS verification of vendor chains; keys are DER SubjectPublicKeyInfo. */
export type CertificateSignature =
  | { readonly kind: 'ecdsa'; readonly hash: DigestName; readonly encoding: 'der' | 'raw' }
  | { readonly kind: 'rsa-pss'; readonly hash: DigestName; readonly saltBytes: number }
  | { readonly kind: 'rsa-pkcs1'; readonly hash: DigestName };

/** A digest that is fed piece by piece, for what is too large to hold at once. */
export interface Hasher {
  update(part: Uint8Array): void;
  /** The digest of all parts; the hasher is spent afterwards. */
  digest(): Uint8Array;
}

/** The port itself. */
export interface CryptoPort {
  /** `count` bytes from the platform's CSPRNG. */
  randomBytes(count: number): Uint8Array;
  digest(name: ReplayDigestName, ...parts: readonly Uint8Array[]): Uint8Array;
  hasher(name: DigestName): Hasher;
  /** HKDF-SHA256 extract and expand (RFC 5869). */
  hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Uint8Array;
  hkdfExpand(prk: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array;
  /** AES-256-GCM, 12-byte nonce; the result is ciphertext followed by the 16-byte tag. */
  aesGcmSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array>;
  /** Plaintext, or `undefined` when the tag does not hold. */
  aesGcmOpen(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Uint8Array | undefined>;
  readonly xWing: Kem;
  readonly x25519: Kem;
  /** Ed25519 key pair; the secret key is the 32-byte seed (RFC 8032 section 5.1.5). */
  ed25519Generate(): KeyPair;
  ed25519PublicKey(secretKey: Uint8Array): Uint8Array;
  ed25519Sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  /** Strict RFC 8032 verification: canonical S, canonical and not small-order keys. Never throws. */
  ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** Verifies under a DER SubjectPublicKeyInfo; false for a malformed key as for a bad signature. */
  verifyCertificateSignature(
    scheme: CertificateSignature,
    spki: Uint8Array,
    signature: Uint8Array,
    message: Uint8Array,
  ): Promise<boolean>;
}
