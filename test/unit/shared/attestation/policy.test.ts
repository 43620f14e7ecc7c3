import { expect } from 'chai';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { parsePolicy } from '#shared/attestation/policy.ts';

const PCR0 = 'ab'.repeat(48);
const ENCLAVE = { name: 'aggregator', platform: 'aws-nitro', measurements: { PCR0 } };
const ROOT = { name: 'emulator', platform: 'aws-nitro', sha256: 'cd'.repeat(32), emulated: true };

describe('appraisal policy', () => {
  it('needs nothing but an enclave', () => {
    const policy = { enclaves: [ENCLAVE] };
    expect(parsePolicy(policy)).to.equal(policy);
  });

  it('takes further measurements, roots, debug and an age', () => {
    const measurements = { PCR0, PCR8: PCR0, PCR31: PCR0 };
    const policy = { enclaves: [{ ...ENCLAVE, measurements }], roots: [ROOT], debug: 'allow', maximumAgeSeconds: 60 };
    expect(parsePolicy(policy)).to.deep.equal(policy);
  });

  it('takes keys of issuers and enrolled authorities where no vendor root is built in', () => {
    const key = { kind: 'key', name: 'issuer', platform: 'azure-maa-jwt', sha256: 'ab'.repeat(32), emulated: false };
    const authority = { name: 'vendor of our TPMs', platform: 'tpm-quote', sha256: 'ee'.repeat(32), emulated: false };
    const policy = { enclaves: [ENCLAVE], roots: [key, authority] };
    expect(parsePolicy(policy)).to.deep.equal(policy);
  });

  const refused: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    'no enclave': { enclaves: [] },
    'an unknown field': { enclaves: [ENCLAVE], debug_: 'allow' },
    'a platform that is not known': { enclaves: [{ ...ENCLAVE, platform: 'sgx' }] },
    'no PCR0': { enclaves: [{ ...ENCLAVE, measurements: { PCR1: PCR0 } }] },
    PCR32: { enclaves: [{ ...ENCLAVE, measurements: { PCR0, PCR32: PCR0 } }] },
    'a measurement of 32 bytes': { enclaves: [{ ...ENCLAVE, measurements: { PCR0: 'ab'.repeat(32) } }] },
    'a measurement in capitals': { enclaves: [{ ...ENCLAVE, measurements: { PCR0: 'AB'.repeat(48) } }] },
    'a root that claims to be no emulation': { enclaves: [ENCLAVE], roots: [{ ...ROOT, emulated: false }] },
    'a root that does not say': { enclaves: [ENCLAVE], roots: [{ ...ROOT, emulated: undefined }] },
    'an enrolled authority for hardware whose root is built in': {
      enclaves: [ENCLAVE],
      roots: [{ ...ROOT, kind: 'certificate', emulated: false }],
    },
    'a root by a short fingerprint': { enclaves: [ENCLAVE], roots: [{ ...ROOT, sha256: 'cd' }] },
    'a vendor root by its fingerprint': {
      enclaves: [ENCLAVE],
      roots: [{ ...ROOT, sha256: VENDOR_ANCHORS[0]?.sha256 }],
    },
    'debug by another word': { enclaves: [ENCLAVE], debug: true },
    'an age of nothing': { enclaves: [ENCLAVE], maximumAgeSeconds: 0 },
    'an age without end': { enclaves: [ENCLAVE], maximumAgeSeconds: 1e12 },
  };
  for (const [name, policy] of Object.entries(refused)) {
    it(`is refused with ${name}`, () => {
      expect(() => parsePolicy(policy))
        .to.throw('appraisal policy')
        .with.property('code', 'POLICY_INVALID');
    });
  }
});
