import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { AcceptedRoot } from '#shared/attestation/policy.ts';
import type { DevicePlace } from '../device.ts';
import { mintCollateral } from '../intel/collateral.ts';
import { createIntelPki, createIntelRoot, INTEL_SIGNING } from '../intel/pki.ts';
import { createMachine, type QuotingMachine } from '../intel/quote.ts';
import { loadOrCreate } from '../root.ts';

/** A machine of this start under the root that is kept on this one, and Intel's collateral for it. */
export interface EndorsedMachine {
  readonly machine: QuotingMachine;
  readonly collateral: Endorsement;
  /** What a policy names to accept it. */
  readonly root: AcceptedRoot;
}

const PLATFORMS = { SGX: 'intel-sgx', TDX: 'intel-tdx' } as const;
const HOUR_MS = 3_600_000;

/** Makes a machine of one kind. Its collateral is an hour old, and good for a month. */
export async function intelMachine(
  tee: QuotingMachine['tee'],
  { folder, surroundings }: Pick<DevicePlace, 'folder' | 'surroundings'>,
): Promise<EndorsedMachine> {
  const create = () => createIntelRoot({ surroundings });
  const root = await loadOrCreate(folder, { stem: 'intel-root', signing: INTEL_SIGNING, create });
  const pki = await createIntelPki({ surroundings, root });
  const machine = await createMachine(pki, { tee, surroundings });
  const bytes = await mintCollateral(pki, { tee, issuedMs: surroundings.now() - HOUR_MS });
  return {
    machine,
    collateral: { kind: 'intel-collateral', bytes },
    root: {
      name: 'EMULATED Intel root of this machine',
      platform: PLATFORMS[tee],
      sha256: root.sha256,
      emulated: true,
    },
  };
}
