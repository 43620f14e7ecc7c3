import type { Anchor } from '../anchor.ts';

/**
 * The root of NVIDIA's device identities: CN=NVIDIA Device Identity CA, O=NVIDIA, valid from 2021-11-05 and without a
 * stated end. NVIDIA's attestation SDK compiles the same certificate in; GPUs and switches hand it over with their own.
 */
export const NVIDIA_DEVICE_IDENTITY_CA: Anchor = {
  kind: 'certificate',
  name: 'NVIDIA Device Identity CA',
  platform: 'nvidia-gpu',
  sha256: '102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48',
  emulated: false,
};
