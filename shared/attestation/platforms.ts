import { azureCvm } from './azure/verify.ts';
import { coCoEar } from './jwt/ear.ts';
import { gcpConfidentialSpace } from './jwt/gcp.ts';
import { intelTrustAuthority } from './jwt/ita.ts';
import { azureMaa } from './jwt/maa.ts';
import { nvidiaNras } from './jwt/nras.ts';
import { awsNitro } from './nitro/verify.ts';
import { nvidiaGpu } from './nvidia/verify.ts';
import type { PlatformVerifier } from './platform.ts';
import { sevSnp } from './sev-snp/verify.ts';
import { intelSgx } from './sgx/verify.ts';
import { intelTdx } from './tdx/verify.ts';
import { tpmQuote } from './tpm/verify.ts';

/** Every platform whose evidence can be verified. To add one: its verifier file, and its line here. */
export const PLATFORM_VERIFIERS = {
  'aws-nitro': awsNitro,
  'amd-sev-snp': sevSnp,
  'intel-tdx': intelTdx,
  'intel-sgx': intelSgx,
  'azure-cvm': azureCvm,
  'tpm-quote': tpmQuote,
  'gcp-confidential-space': gcpConfidentialSpace,
  'azure-maa-jwt': azureMaa,
  'intel-trust-authority': intelTrustAuthority,
  'eat-ear': coCoEar,
  'nvidia-nras': nvidiaNras,
  'nvidia-gpu': nvidiaGpu,
} satisfies Readonly<Record<string, PlatformVerifier>>;

/** A name in the table. */
export type Platform = keyof typeof PLATFORM_VERIFIERS;

/** All names, in the order of the table. */
export const PLATFORMS: readonly string[] = Object.keys(PLATFORM_VERIFIERS);

/** Whether `text` names a platform whose evidence can be verified. */
export function isPlatform(text: string): text is Platform {
  return Object.hasOwn(PLATFORM_VERIFIERS, text);
}
