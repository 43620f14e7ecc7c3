import { withCached } from '#client/endorsements/choose.ts';
import type { ParticipantAttester } from '#client/sdk/index.ts';
import { ATTESTERS, AUTO, chooseAttester } from '#enclave/attester/attesters.ts';
import type { AttesterOptions } from '#enclave/attester/driver.ts';
import { nodeAttesterPorts } from '#enclave/attester/transport/node-ports.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';

/** Names that a participant's device may be given by. */
export const DEVICE_NAMES: readonly string[] = [AUTO, ...ATTESTERS];

/** Taken where a manifest demands evidence and no device is named: the first that is present. */
export const DEVICE_DEFAULT: string = AUTO;

/** The device that vouches for this participant's machine. */
export interface OwnDevice {
  /** One of {@link DEVICE_NAMES}. */
  readonly name: string;
  readonly options: AttesterOptions;
  /** Endorsements at hand: those that the evidence needs, and the device does not give, go along with it. */
  readonly cached: readonly Endorsement[];
}

/**
 * The attester of this machine, for participants of whom the manifest demands evidence: the enclave's own adapters, so
 * that there is one implementation. `searchPath` is the PATH on which tpm2-tools are looked for.
 * @throws Fault - CONFIG_INVALID for a name that is none; ATTESTER_FAILED when there is no such device here
 */
export async function openOwnDevice(
  { name, options, cached }: OwnDevice,
  crypto: CryptoPort,
  searchPath: string,
): Promise<ParticipantAttester> {
  const attester = await chooseAttester(name, options, nodeAttesterPorts(crypto, searchPath));
  return {
    async evidenceFor(reportData) {
      const given = await attester.attest(reportData);
      return withCached({ platform: attester.platform, ...given }, cached, crypto);
    },
  };
}
