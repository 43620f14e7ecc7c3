import { expect } from 'chai';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims, Concern, TcbStatus } from '#shared/attestation/claims.ts';
import { AWS_NITRO_ROOT } from '#shared/attestation/nitro/anchors.ts';
import type { AcceptedEnclave, AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { Reason } from '#shared/attestation/reasons.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';

const AT_MS = Date.parse('2026-11-20T12:00:00Z');
const DAY_S = 86_400;
const MEASUREMENT = 'ab'.repeat(48);
const CLAIMS: Claims = {
  platform: 'amd-sev-snp',
  measurements: { MEASUREMENT },
  debug: false,
  attributes: { vmpl: 0, host_data: '00', migration_agent: false, smt_allowed: true },
  levels: { 'tcb.snp': 20, 'tcb.microcode': 209, tcb_evaluation_number: 17 },
  tcb: undefined,
  concerns: [],
  reportData: EMPTY,
  nonce: EMPTY,
  issuedAtMs: undefined,
  validFromMs: AT_MS,
  validUntilMs: AT_MS,
  root: AWS_NITRO_ROOT,
  checks: [],
  details: {},
};
const ENCLAVE: AcceptedEnclave = { name: 'aggregator', platform: 'amd-sev-snp', measurements: { MEASUREMENT } };

describe('reference values', () => {
  const reasonsFor = (
    claims: Partial<Claims>,
    stated: Partial<AcceptedEnclave> = {},
    policy: Partial<AppraisalPolicy> = {},
  ): readonly Reason[] =>
    appraise({ ...CLAIMS, ...claims }, [{ enclaves: [{ ...ENCLAVE, ...stated }], ...policy }], AT_MS);
  const codesFor = (...args: Parameters<typeof reasonsFor>): readonly string[] =>
    reasonsFor(...args).map(({ code }) => code);

  it('pass claims that meet them, whatever the age of evidence without a time', () => {
    expect(codesFor({})).to.deep.equal([]);
    expect(codesFor({}, {}, { maximumAgeSeconds: 1 })).to.deep.equal([]);
  });

  it('demand the value of an attribute, and its default where they are silent', () => {
    expect(codesFor({}, { attributes: { smt_allowed: false } })).to.deep.equal(['CLAIM_MISMATCH']);
    const vmpl1 = { ...CLAIMS.attributes, vmpl: 1 };
    expect(codesFor({ attributes: vmpl1 })).to.deep.equal(['VMPL_MISMATCH']);
    expect(codesFor({ attributes: vmpl1 }, { attributes: { vmpl: 1 } })).to.deep.equal([]);
    expect(codesFor({}, { attributes: { host_data: '01' } })).to.deep.equal(['HOST_DATA_MISMATCH']);
  });

  it('take an attribute that evidence does not state for a mismatch, also one by the name of a method', () => {
    for (const name of ['chip_id', 'toString']) {
      const [reason, ...others] = reasonsFor({}, { attributes: { [name]: 'x' } });
      expect(others).to.deep.equal([]);
      expect(reason).to.include({ code: 'CLAIM_MISMATCH', found: 'absent', wanted: 'x' });
    }
  });

  it('compare levels one by one: a high one does not make up for a low one', () => {
    expect(codesFor({}, { minimums: { 'tcb.snp': 20, 'tcb.microcode': 209 } })).to.deep.equal([]);
    const [reason, ...others] = reasonsFor({}, { minimums: { 'tcb.snp': 21, 'tcb.microcode': 1 } });
    expect(others).to.deep.equal([]);
    expect(reason).to.include({ code: 'TCB_BELOW_MINIMUM', found: '20', wanted: 'at least 21' });
    expect(codesFor({}, { minimums: { 'tcb.fmc': 0 } })).to.deep.equal(['TCB_BELOW_MINIMUM']);
  });

  it('do not hold outside their own validity', () => {
    const past = { validUntil: '2026-11-20T11:59:59Z' };
    const future = { validFrom: '2026-11-20T12:00:01Z' };
    expect(codesFor({}, past)).to.deep.equal(['REFERENCE_VALUES_NOT_VALID']);
    expect(codesFor({}, future)).to.deep.equal(['REFERENCE_VALUES_NOT_VALID']);
    expect(codesFor({}, { validFrom: '2026-11-20T12:00:00Z', validUntil: '2026-11-20T12:00:00Z' })).to.deep.equal([]);
  });

  const statuses: Readonly<Record<Exclude<TcbStatus, 'UpToDate'>, string>> = {
    SWHardeningNeeded: 'TCB_SW_HARDENING_NEEDED',
    ConfigurationNeeded: 'TCB_CONFIGURATION_NEEDED',
    ConfigurationAndSWHardeningNeeded: 'TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED',
    TDRelaunchAdvised: 'TCB_TD_RELAUNCH_ADVISED',
    TDRelaunchAdvisedConfigurationNeeded: 'TCB_TD_RELAUNCH_ADVISED',
    OutOfDate: 'TCB_OUT_OF_DATE',
    OutOfDateConfigurationNeeded: 'TCB_OUT_OF_DATE_CONFIGURATION_NEEDED',
    Revoked: 'TCB_REVOKED',
    NotSupported: 'TCB_NOT_SUPPORTED',
  };
  for (const [status, code] of Object.entries(statuses) as [TcbStatus, string][]) {
    it(`refuse the status ${status} unless they accept it`, () => {
      expect(codesFor({ tcb: { status, advisories: [] } })).to.deep.equal([code]);
      expect(codesFor({ tcb: { status, advisories: [] } }, { tcbStatuses: ['UpToDate'] })).to.deep.equal([code]);
    });
  }

  it('accept a status with the advisories that they list, and with no other', () => {
    const tcb = { status: 'SWHardeningNeeded', advisories: ['INTEL-SA-1', 'INTEL-SA-2'] } as const;
    const tcbStatuses: AcceptedEnclave['tcbStatuses'] = ['UpToDate', 'SWHardeningNeeded'];
    const [reason] = reasonsFor({ tcb }, { tcbStatuses, advisories: ['INTEL-SA-1'] });
    expect(reason).to.include({ code: 'TCB_ADVISORY_NOT_ACCEPTED', found: 'INTEL-SA-2' });
    expect(codesFor({ tcb }, { tcbStatuses, advisories: ['INTEL-SA-1', 'INTEL-SA-2'] })).to.deep.equal([]);
    expect(codesFor({ tcb: { status: 'UpToDate', advisories: ['INTEL-SA-3'] } })).to.deep.equal([]);
  });

  it('refuse what could not be checked unless the policy waives it and says why', () => {
    for (const code of ['CRL_MISSING', 'COLLATERAL_MISSING'] as const) {
      const concerns: readonly Concern[] = [{ code, detail: 'there is none' }];
      const waive = [{ check: code, because: 'the site has no network' }];
      expect(codesFor({ concerns })).to.deep.equal([code]);
      expect(codesFor({ concerns }, {}, { endorsements: { waive } })).to.deep.equal([]);
      const other = code === 'CRL_MISSING' ? 'COLLATERAL_MISSING' : 'CRL_MISSING';
      const wrong = { waive: [{ check: other, because: 'the site has no network' }] } as const;
      expect(codesFor({ concerns }, {}, { endorsements: { waive: [...wrong.waive] } })).to.deep.equal([code]);
    }
  });

  it('refuse stale endorsements to the second that the policy tolerates', () => {
    for (const code of ['CRL_EXPIRED', 'COLLATERAL_EXPIRED'] as const) {
      const endedMs = AT_MS - DAY_S * 1000;
      const concerns: readonly Concern[] = [{ code, detail: 'ended', endedMs }];
      expect(codesFor({ concerns })).to.deep.equal([code]);
      expect(codesFor({ concerns }, {}, { endorsements: { staleSeconds: DAY_S - 1 } })).to.deep.equal([code]);
      expect(codesFor({ concerns }, {}, { endorsements: { staleSeconds: DAY_S } })).to.deep.equal([]);
    }
  });

  it('refuse a stale endorsement that does not say when it ended', () => {
    const concerns: readonly Concern[] = [{ code: 'CRL_EXPIRED', detail: 'ended' }];
    expect(codesFor({ concerns }, {}, { endorsements: { staleSeconds: DAY_S } })).to.deep.equal(['CRL_EXPIRED']);
  });

  it('refuse collateral of an older evaluation than the policy asks for', () => {
    expect(codesFor({}, {}, { endorsements: { minimumEvaluationNumber: 17 } })).to.deep.equal([]);
    expect(codesFor({}, {}, { endorsements: { minimumEvaluationNumber: 18 } })).to.deep.equal(['COLLATERAL_EXPIRED']);
  });

  it('refuse a built-in root that the policy leaves out', () => {
    expect(codesFor({}, {}, { vendorRoots: [AWS_NITRO_ROOT.sha256] })).to.deep.equal([]);
    expect(codesFor({}, {}, { vendorRoots: ['00'.repeat(32)] })).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
  });

  it('refuse a key pinned for another platform', () => {
    const root = { name: 'issuer', platform: 'azure-maa-jwt', sha256: 'cd'.repeat(32), emulated: false } as const;
    const named = { ...root, kind: 'key' } as const;
    expect(codesFor({ root }, {}, { roots: [named] })).to.deep.equal([]);
    expect(codesFor({ root }, {}, { roots: [{ ...named, platform: 'eat-ear' }] })).to.deep.equal([
      'CHAIN_UNTRUSTED_ROOT',
    ]);
  });
});
