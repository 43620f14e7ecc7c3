import { Fault } from '#shared/fault/fault.ts';
import type { DeviceMaker } from '../device.ts';
import { azureSnpDevice, azureTdxDevice } from './azure.ts';
import { gcpDevice } from './gcp.ts';
import { nitroDevice } from './nitro.ts';
import { sevSnpDevice } from './sev-snp.ts';
import { sgxDevice } from './sgx.ts';
import { tdxDevice } from './tdx.ts';
import { tpmDevice } from './tpm.ts';

/** Devices that the emulator can play, by the platform that they play; Azure's VMs on SEV-SNP, or else by name on TDX. */
const DEVICES = {
  'aws-nitro': nitroDevice,
  'amd-sev-snp': sevSnpDevice,
  'intel-tdx': tdxDevice,
  'intel-sgx': sgxDevice,
  'azure-cvm': azureSnpDevice,
  'azure-cvm-tdx': azureTdxDevice,
  'gcp-confidential-space': gcpDevice,
  'tpm-quote': tpmDevice,
} satisfies Readonly<Record<string, DeviceMaker>>;

/** Their names. */
export const EMULATED_PLATFORMS: readonly string[] = Object.keys(DEVICES);

/** The platform that is played when nobody says which. */
export const DEFAULT_PLATFORM = 'aws-nitro';

/**
 * What makes the device of a platform.
 * @throws Fault - CONFIG_INVALID: no such device, take a name of {@link EMULATED_PLATFORMS}
 */
export function deviceMaker(name: string): DeviceMaker {
  const found = Object.entries(DEVICES).find(([known]) => known === name);
  if (found !== undefined) return found[1];
  throw new Fault('CONFIG_INVALID', `no emulated device ${name}; there are ${EMULATED_PLATFORMS.join(', ')}`);
}
