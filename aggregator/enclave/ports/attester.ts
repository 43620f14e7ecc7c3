import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Platform } from '#shared/attestation/platforms.ts';

/** What an attester gives: one document of the platform and what is needed beside it to verify it offline. */
export interface Attestation {
  /** The evidence, byte for byte as the device signed it. */
  readonly document: Uint8Array;
  /** Certificates and the like that the document does not hold itself; empty for AWS Nitro. */
  readonly endorsements: readonly Endorsement[];
}

/** The device that vouches for this enclave. */
export interface Attester {
  readonly platform: Platform;
  /**
   * Asks the device to sign over `reportData`, exactly 64 bytes.
   * Throws `ATTESTER_FAILED` when it gives no evidence; trying again later may help.
   */
  attest(reportData: Uint8Array): Promise<Attestation>;
}
