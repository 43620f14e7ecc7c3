import { expect } from 'chai';
import { ENDORSEMENT_KINDS } from '#shared/attestation/evidence.ts';
import { endorsementFileName, endorsementKindOf } from '#shared/protocol/endorsement-files.ts';

describe('names of endorsement files', () => {
  it('tell the kind again that they were made for', () => {
    const kinds = ENDORSEMENT_KINDS.map((kind) => endorsementKindOf(endorsementFileName('amd-sev-snp-genoa', kind)));
    expect(kinds).to.deep.equal(ENDORSEMENT_KINDS);
  });

  it('mean nothing with another ending, or with nothing before it', () => {
    for (const name of ['ark.der', 'ark.cert.pem', '.cert.der', 'collateral.json', 'ark.cert.der.part', '']) {
      expect(endorsementKindOf(name), name).to.equal(undefined);
    }
  });
});
