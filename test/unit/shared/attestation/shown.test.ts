import { expect } from 'chai';
import { knownEvidence } from '#shared/attestation/shown.ts';

const DOCUMENT = Uint8Array.of(1, 2, 3);
const BYTES = Uint8Array.of(4);

describe('evidence as it arrives', () => {
  it('is nothing when its platform is not known, also one by the name of a method', () => {
    for (const platform of ['sgx', '', 'toString', '__proto__']) {
      expect(knownEvidence({ platform, document: DOCUMENT, endorsements: [] })).to.equal(undefined);
    }
  });

  it('keeps the endorsements of known kinds and leaves out the others', () => {
    const endorsements = [
      { kind: 'crl', bytes: BYTES },
      { kind: 'horoscope', bytes: BYTES },
    ];
    expect(knownEvidence({ platform: 'amd-sev-snp', document: DOCUMENT, endorsements })).to.deep.equal({
      platform: 'amd-sev-snp',
      document: DOCUMENT,
      endorsements: [{ kind: 'crl', bytes: BYTES }],
    });
  });
});
