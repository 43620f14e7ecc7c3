import { lengthPrefixed, utf8 } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import type { Platform } from './platforms.ts';
import { PLATFORM_VERIFIERS } from './platforms.ts';

/** What an enclave ties to its evidence, so that the evidence vouches for these and nothing else. */
export interface EnclaveBinding {
  /** X-Wing public key, 1216 bytes. */
  readonly kemKey: Uint8Array;
  /** Ed25519 public key, 32 bytes. */
  readonly signingKey: Uint8Array;
  /** SHA-256 of the study manifest as signed, 32 bytes. */
  readonly manifestDigest: Uint8Array;
  /** Merkle root over the nonces that wait for this evidence, 32 bytes. */
  readonly nonceRoot: Uint8Array;
}

/** Sizes of the fields of {@link EnclaveBinding} in bytes. */
export const BINDING_BYTES = { kemKey: 1216, signingKey: 32, manifestDigest: 32, nonceRoot: 32 } as const;

const CONTEXT = utf8('cloister/v1/enclave');

/**
 * The 64 bytes of report data that bind an enclave: SHA-512 over the context and each field, every one behind its
 * length. Computed by the enclave when it asks for evidence (`user_data` on AWS Nitro) and again by whoever verifies.
 */
export function reportDataFor(binding: EnclaveBinding, crypto: Pick<CryptoPort, 'digest'>): Uint8Array {
  const { kemKey, signingKey, manifestDigest, nonceRoot } = binding;
  return crypto.digest('sha512', lengthPrefixed(CONTEXT, kemKey, signingKey, manifestDigest, nonceRoot));
}

/**
 * What evidence of `platform` must hold for 64 bytes of report data: these, or their SHA-256 where the platform's field
 * is shorter. An attester asks for this value and a verifier looks for it.
 */
export function boundReportData(
  platform: Platform,
  reportData: Uint8Array,
  crypto: Pick<CryptoPort, 'digest'>,
): Uint8Array {
  return PLATFORM_VERIFIERS[platform].reportDataBytes === 64 ? reportData : crypto.digest('sha256', reportData);
}
