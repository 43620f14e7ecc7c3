import { expect } from 'chai';
import type { Attester } from '#enclave/ports/attester.ts';
import { EndorsedAttester } from '#enclave/session/endorsed-attester.ts';

const TABLE = { kind: 'snp-certificate-table' as const, bytes: Uint8Array.of(1, 2, 3) };
const CRL = { kind: 'crl' as const, bytes: Uint8Array.of(4) };
const REPORT_DATA = new Uint8Array(64);

const DEVICE: Attester = {
  platform: 'amd-sev-snp',
  attest: async (reportData) => ({ document: reportData, endorsements: [TABLE] }),
};

describe('EndorsedAttester', () => {
  it('is of the platform of its device, and passes the report data on', async () => {
    const attester = new EndorsedAttester(DEVICE);
    expect(attester.platform).to.equal('amd-sev-snp');
    expect(await attester.attest(REPORT_DATA)).to.deep.equal({ document: REPORT_DATA, endorsements: [TABLE] });
  });

  it("puts what the host collected behind the device's own, each once", async () => {
    const attester = new EndorsedAttester(DEVICE);
    const otherKind = { kind: 'certificate' as const, bytes: CRL.bytes };
    attester.replaceCollected([CRL, { ...TABLE, bytes: TABLE.bytes.slice() }, CRL, otherKind]);
    expect((await attester.attest(REPORT_DATA)).endorsements).to.deep.equal([TABLE, CRL, otherKind]);
  });

  it('forgets what was collected before, and keeps bytes of its own', async () => {
    const attester = new EndorsedAttester(DEVICE);
    const message = Uint8Array.of(9, 9);
    attester.replaceCollected([CRL]);
    attester.replaceCollected([{ kind: 'crl', bytes: message.subarray(0, 1) }]);
    message.fill(0);
    const { endorsements } = await attester.attest(REPORT_DATA);
    expect(endorsements).to.deep.equal([TABLE, { kind: 'crl', bytes: Uint8Array.of(9) }]);
  });
});
