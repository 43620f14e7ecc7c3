import { Fault } from '#shared/fault/fault.ts';
import type { Attester } from '../ports/attester.ts';
import { azureCvmAttester } from './azure-cvm.ts';
import type { AttesterDriver, AttesterOptions, AttesterPorts } from './driver.ts';
import { gcpConfidentialSpaceAttester } from './gcp-confidential-space.ts';
import { nitroAttester } from './nitro.ts';
import { sevSnpAttester } from './sev-snp.ts';
import { sgxGramineAttester } from './sgx-gramine.ts';
import { tdxAttester } from './tdx.ts';
import { tpmAttester } from './tpm.ts';

/**
 * Every platform on which evidence can be made, in the order in which they are looked for: what only one platform has
 * comes first, a TPM last, since machines of every kind have one. To add one: its file, and its line here.
 */
const DRIVERS: readonly AttesterDriver[] = [
  nitroAttester,
  gcpConfidentialSpaceAttester,
  sgxGramineAttester,
  sevSnpAttester,
  tdxAttester,
  azureCvmAttester,
  tpmAttester,
];

/** Names for `--attester`, in that order. */
export const ATTESTERS: readonly string[] = DRIVERS.map(({ platform }) => platform);

/** Stands for the first that is present. */
export const AUTO = 'auto';

/**
 * The attester `name`, or for {@link AUTO} the first that is present.
 * @throws Fault - CONFIG_INVALID for a name that is not in {@link ATTESTERS}, or a device without one; ATTESTER_MISSING
 * when the platform is not there, or none is: with what was looked for and what was found in its place; ATTESTER_FAILED
 */
export async function chooseAttester(name: string, options: AttesterOptions, ports: AttesterPorts): Promise<Attester> {
  const candidates = name === AUTO ? DRIVERS : DRIVERS.filter(({ platform }) => platform === name);
  if (candidates.length === 0) {
    const names = [AUTO, ...ATTESTERS].join(', ');
    throw new Fault('CONFIG_INVALID', `--attester: found ${name.slice(0, 40)}, expected one of ${names}`);
  }
  if (name === AUTO && options.device !== undefined) {
    throw new Fault('CONFIG_INVALID', '--device names one device; say with --attester of which platform');
  }
  const found: string[] = [];
  for (const driver of candidates) {
    const missing = await driver.missing(ports, options);
    if (missing === undefined) return driver.open(ports, options);
    found.push(`${driver.platform}: ${missing}`);
  }
  throw new Fault('ATTESTER_MISSING', `this machine has no device that could vouch for it\n  ${found.join('\n  ')}`);
}
