import type { CryptoPort, KeyPair } from '#shared/crypto/port.ts';

/**
 * The keys of this start of the enclave: made inside, never exported, bound into its evidence.
 * `instance` is SHA-256 of the signing key and names this start to coordinators.
 */
export interface InstanceKeys {
  readonly kem: KeyPair;
  readonly signing: KeyPair;
  readonly instance: Uint8Array;
}

/** Draws fresh instance keys. */
export function generateInstanceKeys(crypto: CryptoPort): InstanceKeys {
  const signing = crypto.ed25519Generate();
  return { kem: crypto.xWing.generate(), signing, instance: crypto.digest('sha256', signing.publicKey) };
}
