import type { Anchor } from '../anchor.ts';
import type { Platform } from '../platforms.ts';

/**
 * Intel's root of SGX and TDX, as roots for quotes of one platform: CN=Intel SGX Root CA, O=Intel Corporation.
 *
 * Intel has published the one key in two certificates. The first, valid from 2018-05-21T10:41:11Z to 2033-05-21, is
 * in the quotes of 2020; the second, valid from 2018-05-21T10:45:10Z to 2049-12-31, in those from 2021 on, and Intel
 * publishes it at certificates.trustedservices.intel.com as Intel_SGX_Provisioning_Certification_RootCA.cer. The
 * SubjectPublicKeyInfo of both has the same SHA-256.
 */
export function intelRoots(platform: Platform): readonly Anchor[] {
  const common = { kind: 'certificate', platform, emulated: false } as const;
  return [
    {
      ...common,
      name: 'Intel SGX Root CA',
      sha256: '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3',
    },
    {
      ...common,
      name: 'Intel SGX Root CA, first certificate',
      sha256: 'fc64f8076d79a4fee9d1d473d74c89eb8d8fd55c5abafeabeba7366d20429404',
    },
  ];
}
