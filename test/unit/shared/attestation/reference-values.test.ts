import { expect } from 'chai';
import { type ReferenceValues, referenceProblems } from '#shared/attestation/reference-values.ts';

const PCR0 = 'ab'.repeat(48);
const NITRO: ReferenceValues = { platform: 'aws-nitro', measurements: { PCR0 } };
const AUDIENCE = { aud: 'cloister' };
const TOKEN: ReferenceValues = {
  platform: 'gcp-confidential-space',
  measurements: { IMAGE_DIGEST: 'ab'.repeat(32) },
  attributes: AUDIENCE,
};

describe('reference values of a policy', () => {
  it('pass with the names and lengths of their platform', () => {
    expect(referenceProblems(NITRO)).to.deep.equal([]);
    expect(referenceProblems(TOKEN)).to.deep.equal([]);
  });

  const refused: Readonly<Record<string, readonly [ReferenceValues, readonly (readonly [string, string])[]]>> = {
    'a measurement of another platform': [
      { ...NITRO, measurements: { PCR0, MRTD: PCR0 } },
      [['measurements/MRTD', 'aws-nitro has no such name; it has PCR0']],
    ],
    'a measurement by the name of a method': [
      { ...NITRO, measurements: { PCR0, toString: PCR0 } },
      [['measurements/toString', 'no such name']],
    ],
    'a measurement of the wrong length': [
      { ...NITRO, measurements: { PCR0: 'ab' } },
      [['measurements/PCR0', 'found 2 characters, expected 96']],
    ],
    'an attribute that the platform does not have': [
      { ...NITRO, attributes: { vmpl: 0 } },
      [['attributes/vmpl', 'no such name']],
    ],
    'an attribute of another type': [
      { ...TOKEN, attributes: { ...AUDIENCE, secboot: 'yes' } },
      [['attributes/secboot', 'found a string, expected a boolean']],
    ],
    'a minimum that the platform does not have': [
      { ...NITRO, minimums: { 'tcb.snp': 1 } },
      [['minimums/tcb.snp', 'no such name']],
    ],
    'nothing that singles out code': [
      { ...NITRO, measurements: { PCR1: PCR0 } },
      [['measurements', 'must state PCR0']],
    ],
    'an end before their beginning': [
      { ...NITRO, validFrom: '2026-02-01T00:00:00Z', validUntil: '2026-01-01T00:00:00Z' },
      [['validUntil', 'expected a time after validFrom']],
    ],
    'a day that does not exist': [{ ...NITRO, validFrom: '2026-13-01T00:00:00Z' }, [['validFrom', 'is no time']]],
  };
  for (const [name, [stated, expected]] of Object.entries(refused)) {
    it(`are refused with ${name}`, () => {
      const found = referenceProblems(stated);
      expect(found.map(({ path }) => path.join('/'))).to.deep.equal(expected.map(([path]) => path));
      for (const [index, [, words]] of expected.entries()) expect(found[index]?.message).to.include(words);
    });
  }

  const weak: Readonly<Record<string, ReferenceValues>> = {
    'data that the host chooses': {
      platform: 'azure-maa-jwt',
      measurements: { HOST_DATA: 'ab'.repeat(32) },
      attributes: { iss: 'https://shared.weu.attest.azure.net' },
    },
    'the firmware of a trust domain without what it started': {
      platform: 'intel-trust-authority',
      measurements: { MRTD: 'ab'.repeat(48) },
    },
    'a register that any program may reset': { platform: 'tpm-quote', measurements: { PCR23: 'ab'.repeat(32) } },
    'a signer and its product without a version': {
      platform: 'intel-trust-authority',
      measurements: { MRSIGNER: 'ab'.repeat(32) },
      attributes: { product_id: 1 },
    },
  };
  for (const [name, stated] of Object.entries(weak)) {
    it(`are refused with ${name} alone`, () => {
      expect(referenceProblems(stated).map(({ path }) => path.join('/'))).to.deep.equal(['measurements']);
    });
  }

  it('may demand any claim of a token, by its path', () => {
    const attributes = { ...AUDIENCE, 'submods.gce.zone': 'us-west1-b' };
    expect(referenceProblems({ ...TOKEN, attributes })).to.deep.equal([]);
  });
});
