import { withCached } from '#client/endorsements/choose.ts';
import type { ParticipantAttester } from '#client/sdk/index.ts';
import { ATTESTERS, AUTO, chooseAttester } from '#enclave/attester/attesters.ts';
import type { AttesterOptions } from '#enclave/attester/driver.ts';
import { nodeAttesterPorts } from '#enclave/attester/transport/node-ports.ts';
import type { Endorsement, Evidence } from '#shared/attestation/evidence.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { LIMITS } from '#shared/protocol/limits.ts';

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
 * @throws Fault - CONFIG_INVALID for a name that is none, and from the attester for more than a join may carry;
 * ATTESTER_MISSING when there is no such device here
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
      return fitting(withCached({ platform: attester.platform, ...given }, cached, { crypto }));
    },
  };
}

/** The enclave would take a longer join for a broken one, and not say why. */
function fitting(evidence: Evidence): Evidence {
  const bytes = evidence.endorsements.reduce((sum, each) => sum + each.bytes.length, evidence.document.length);
  if (bytes <= LIMITS.evidenceTotalBytesMax) return evidence;
  const found = `evidence and its endorsements have ${bytes} bytes, at most ${LIMITS.evidenceTotalBytesMax} are taken`;
  throw new Fault('CONFIG_INVALID', `${found}; keep fewer in --endorsements`);
}
