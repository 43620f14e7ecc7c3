import { Fault } from '#shared/fault/fault.ts';
import { azureVectors } from './azure.ts';
import { intelSgxVectors, intelTdxVectors } from './intel.ts';
import { nitroVectors } from './nitro.ts';
import { nvidiaVectors } from './nvidia.ts';
import { sevSnpVectors } from './sev-snp.ts';
import { tokenVectors } from './tokens.ts';
import { tpmVectors } from './tpm.ts';
import type { VectorPlatform } from './vector-platform.ts';

/** Folder of the collection to the adapter that reads it. */
const ADAPTERS: Readonly<Record<string, VectorPlatform>> = {
  'aws-nitro': nitroVectors,
  'intel-sgx': intelSgxVectors,
  'intel-tdx': intelTdxVectors,
  'tpm-quote': tpmVectors,
  'azure-cvm': azureVectors,
  'amd-sev-snp': sevSnpVectors,
  'gcp-confidential-space': tokenVectors('gcp-confidential-space'),
  'azure-maa-jwt': tokenVectors('azure-maa-jwt'),
  'intel-trust-authority': tokenVectors('intel-trust-authority'),
  'eat-ear': tokenVectors('eat-ear'),
  'nvidia-gpu': nvidiaVectors,
};

/** The folders that can be read, in the order of the table. */
export const VECTOR_FOLDERS: readonly string[] = Object.keys(ADAPTERS);

/** @throws Fault - CONFIG_INVALID for a folder that no adapter reads */
export function vectorPlatform(folder: string): VectorPlatform {
  const adapter = Object.hasOwn(ADAPTERS, folder) ? ADAPTERS[folder] : undefined;
  if (adapter !== undefined) return adapter;
  throw new Fault('CONFIG_INVALID', `${folder} is no folder of test vectors; known: ${VECTOR_FOLDERS.join(', ')}`);
}
