import type { Anchor } from '../anchor.ts';
import type { Platform } from '../platforms.ts';

/**
 * The root of Intel's provisioning PKI, as a root for quotes of one platform: CN=Intel SGX Root CA, O=Intel
 * Corporation, valid from 2018-05-21 to 2049-12-31. The fingerprint is of the DER certificate that Intel publishes at
 * certificates.trustedservices.intel.com as Intel_SGX_Provisioning_Certification_RootCA.cer; genuine quotes from 2020
 * to 2026 end in it.
 */
export function intelRoot(platform: Platform): Anchor {
  return {
    kind: 'certificate',
    name: 'Intel SGX Root CA',
    platform,
    sha256: '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3',
    emulated: false,
  };
}
