import { expect } from 'chai';
import { quotingEnclave } from '#infra/emulator/intel/quote.ts';
import { sgxReport } from '#infra/emulator/intel/report.ts';
import { qeIdentity } from '#infra/emulator/intel/tcb.ts';
import { parseQeIdentity, qeIdentityReasons } from '#shared/attestation/dcap/qe-identity.ts';
import { parseSgxReport, type SgxReportBody } from '#shared/attestation/dcap/sgx-report.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';

const ISSUED = {
  validMs: [Date.parse('2026-01-01T00:00:00Z'), Date.parse('2026-01-31T00:00:00Z')],
  evaluationNumber: 18,
} as const;
const json = qeIdentity('TDX', ISSUED);
const parsed = (bend: Readonly<Record<string, unknown>> = {}) => parseQeIdentity(JSON.stringify({ ...json, ...bend }));
const report = (bend: Partial<SgxReportBody> = {}) =>
  parseSgxReport(sgxReport({ ...quotingEnclave('TDX'), ...bend }), 'report');

describe('QE identity', () => {
  it('is read with its levels, advisories and times', () => {
    const identity = parsed();
    expect(identity).to.include({ id: 'TD_QE', evaluationNumber: 18, isvProdId: 2 });
    expect([identity.issuedMs, identity.nextUpdateMs]).to.deep.equal(ISSUED.validMs);
    expect(identity.levels).to.deep.equal([
      { isvSvn: 8, status: 'UpToDate', date: '2025-05-14T00:00:00Z', advisories: [] },
      { isvSvn: 6, status: 'OutOfDate', date: '2023-02-15T00:00:00Z', advisories: ['INTEL-SA-00615'] },
    ]);
  });

  it('may be of another enclave of Intel, which its reader must ask', () => {
    expect(['QE', 'TD_QE', 'QVE'].map((id) => parsed({ id }).id)).to.deep.equal(['QE', 'TD_QE', 'QVE']);
  });

  it('may say more than is known', () => {
    expect(parsed({ note: 'added by Intel' }).id).to.equal('TD_QE');
  });

  const level = { tcb: { isvsvn: 8 }, tcbDate: '2025-05-14T00:00:00Z', tcbStatus: 'UpToDate' };
  const bad: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'of no enclave': { id: undefined },
    'of an enclave that is not known': { id: 'QE2' },
    'of another version': { version: 1 },
    'without levels': { tcbLevels: [] },
    'with a status that is none of an enclave': { tcbLevels: [{ ...level, tcbStatus: 'SWHardeningNeeded' }] },
    'with a version that is none': { tcbLevels: [{ ...level, tcb: { isvsvn: 65_536 } }] },
    'with a version that is text': { tcbLevels: [{ ...level, tcb: { isvsvn: '8' } }] },
    'with a signer of another length': { mrsigner: '00'.repeat(31) },
    'with attributes that are not hexadecimal': { attributes: 'zz'.repeat(16) },
    'with a time that no calendar has': { nextUpdate: '2026-02-30T00:00:00Z' },
    'with a time in another notation': { issueDate: '2026-01-01T00:00:00+0000' },
    'with an evaluation number that is negative': { tcbEvaluationDataNumber: -1 },
    'with an advisory that is no name': { tcbLevels: [{ ...level, advisoryIDs: ['INTEL SA'] }] },
  };
  for (const [name, bend] of Object.entries(bad)) {
    it(`is refused ${name}`, () => {
      expect(() => parsed(bend)).to.throw(MalformedInput);
    });
  }

  it('is refused where it is no JSON, no object, or names a field twice', () => {
    const text = JSON.stringify(json);
    for (const other of ['', 'null', '[]', `${text} x`, text.replace('{', '{"id":"QE",')]) {
      expect(() => parseQeIdentity(other), other.slice(0, 20)).to.throw(MalformedInput);
    }
  });
});

describe('the quoting enclave', () => {
  it('is the one that Intel names', () => {
    expect(qeIdentityReasons(report(), parsed())).to.deep.equal([]);
  });

  it('may differ in what the masks leave open', () => {
    const attributes = Uint8Array.from(report().attributes);
    attributes[0] = 0x11;
    attributes.fill(0xff, 8);
    expect(qeIdentityReasons(report({ attributes }), parsed())).to.deep.equal([]);
    const miscSelect = Uint8Array.of(0, 0, 0, 1);
    expect(qeIdentityReasons(report({ miscSelect }), parsed({ miscselectMask: 'FFFFFF00' }))).to.deep.equal([]);
  });

  const others: Readonly<Record<string, Partial<SgxReportBody>>> = {
    MRSIGNER: { mrSigner: new Uint8Array(32) },
    ISVPRODID: { isvProdId: 1 },
    MISCSELECT: { miscSelect: Uint8Array.of(1, 0, 0, 0) },
    ATTRIBUTES: { attributes: Uint8Array.of(0x17, ...new Uint8Array(15)) },
  };
  for (const [name, bend] of Object.entries(others)) {
    it(`is another when its ${name} is`, () => {
      const reasons = qeIdentityReasons(report(bend), parsed());
      expect(reasons.map(({ code, detail }) => [code, detail.split(' ')[0]])).to.deep.equal([
        ['QE_IDENTITY_MISMATCH', name],
      ]);
    });
  }

  it('is none that the identity itself rules out', () => {
    const reasons = qeIdentityReasons(report(), parsed({ attributesMask: '00'.repeat(16) }));
    expect(reasons.map(({ found, wanted }) => [found, wanted])).to.deep.equal([
      ['00'.repeat(16), `11${'00'.repeat(15)}`],
    ]);
  });

  it('is told all that differs', () => {
    const reasons = qeIdentityReasons(report(Object.assign({}, ...Object.values(others))), parsed());
    expect(reasons).to.have.lengthOf(4);
  });
});
