import type { Anchor } from '../anchor.ts';

/**
 * The root of the AWS Nitro Attestation PKI, G1: CN=aws.nitro-enclaves, OU=AWS, O=Amazon, C=US, valid from
 * 2019-10-28 to 2049-10-28. AWS publishes the fingerprint in the Nitro Enclaves user guide, "Verifying the root of
 * trust"; the certificates at the head of genuine documents from 2021 to 2025 hash to the same value.
 */
export const AWS_NITRO_ROOT: Anchor = {
  kind: 'certificate',
  name: 'AWS Nitro Enclaves root G1',
  platform: 'aws-nitro',
  sha256: '641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b',
  emulated: false,
};
