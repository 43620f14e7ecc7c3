import { expect } from 'chai';
import { PLAIN_PLATFORM, quotingEnclave } from '#infra/emulator/intel/quote.ts';
import { sgxReport, tdReport } from '#infra/emulator/intel/report.ts';
import { PLAIN_TEE_TCB_SVN, qeIdentity, sgxTcbInfo, tdxTcbInfo } from '#infra/emulator/intel/tcb.ts';
import { parseQeIdentity } from '#shared/attestation/dcap/qe-identity.ts';
import { parseSgxReport, type SgxReportBody } from '#shared/attestation/dcap/sgx-report.ts';
import { evaluateTcb, type PckVersions, type TcbCollateral } from '#shared/attestation/dcap/tcb.ts';
import { parseTcbInfo, type TcbInfo } from '#shared/attestation/dcap/tcb-info.ts';
import { parseTdReport, type TdReportBody } from '#shared/attestation/dcap/td-report.ts';

const ISSUED = { validMs: [0, 1000], evaluationNumber: 18 } as const;
const OLDER = { ...ISSUED, evaluationNumber: 17 };
const collateral: Readonly<Record<'SGX' | 'TDX', TcbCollateral>> = {
  SGX: {
    tcbInfo: parseTcbInfo(JSON.stringify(sgxTcbInfo(ISSUED))),
    qeIdentity: parseQeIdentity(JSON.stringify(qeIdentity('SGX', OLDER))),
  },
  TDX: {
    tcbInfo: parseTcbInfo(JSON.stringify(tdxTcbInfo(OLDER))),
    qeIdentity: parseQeIdentity(JSON.stringify(qeIdentity('TDX', ISSUED))),
  },
};

const { fmspc, pceId, components, pceSvn } = PLAIN_PLATFORM;
const PCK: PckVersions = { fmspc, pceId, components, pceSvn };
const outdated = components.map((svn, index) => (index === 0 ? svn - 1 : svn));
const unknown = components.map(() => 0);

const qeReport = (tee: 'SGX' | 'TDX', bend: Partial<SgxReportBody> = {}) =>
  parseSgxReport(sgxReport({ ...quotingEnclave(tee), ...bend }), 'report');
const svn = (minor: number, major = 1): Uint8Array =>
  PLAIN_TEE_TCB_SVN.map((byte, index) => (index === 0 ? minor : index === 1 ? major : byte));
const report = (bend: Partial<TdReportBody>): TdReportBody => {
  const version = bend.teeTcbSvn2 === undefined ? '1.0' : '1.5';
  return parseTdReport(tdReport({ teeTcbSvn: PLAIN_TEE_TCB_SVN, ...bend }), version);
};

interface Case {
  readonly pck?: Partial<PckVersions>;
  readonly qe?: Partial<SgxReportBody>;
  readonly td?: Partial<TdReportBody>;
  readonly tcbInfo?: Partial<TcbInfo>;
}

const sgx = ({ pck, qe, tcbInfo }: Case = {}) =>
  evaluateTcb(
    { pck: { ...PCK, ...pck }, qeReport: qeReport('SGX', qe), td: undefined },
    { ...collateral.SGX, tcbInfo: { ...collateral.SGX.tcbInfo, ...tcbInfo } },
  );
const tdx = ({ pck, qe, td = {}, tcbInfo }: Case = {}) =>
  evaluateTcb(
    { pck: { ...PCK, ...pck }, qeReport: qeReport('TDX', qe), td: report(td) },
    { ...collateral.TDX, tcbInfo: { ...collateral.TDX.tcbInfo, ...tcbInfo } },
  );

describe('the TCB of an SGX quote', () => {
  it('is up to date on a platform that reaches the newest level', () => {
    const { reasons, verdict, evaluation, details, levels } = sgx();
    expect([reasons, verdict]).to.deep.equal([[], { status: 'UpToDate', advisories: [] }]);
    expect(evaluation).to.deep.equal({
      status: 'UpToDate',
      advisories: [],
      platform: { status: 'UpToDate', date: '2025-05-14T00:00:00Z', advisories: [] },
      tdxModule: undefined,
      qe: { isvSvn: 8, status: 'UpToDate', advisories: [] },
      launch: 'UpToDate',
      current: undefined,
    });
    expect(details).to.deep.equal({
      platformTcb: 'UpToDate, level of 2025-05-14T00:00:00Z',
      quotingEnclave: 'version 8: UpToDate',
    });
    expect(levels, 'the older of two evaluations').to.deep.equal({ tcb_evaluation_number: 17 });
  });

  it('is that of the platform, with its advisories', () => {
    expect(sgx({ pck: { components: outdated } }).verdict).to.deep.equal({
      status: 'OutOfDate',
      advisories: ['INTEL-SA-00837'],
    });
  });

  it('is out of date with the quoting enclave alone', () => {
    expect(sgx({ qe: { isvSvn: 7 } }).verdict).to.deep.equal({ status: 'OutOfDate', advisories: ['INTEL-SA-00615'] });
  });

  it('lists the advisories of both, sorted, each once', () => {
    const levels = collateral.SGX.tcbInfo.levels.map((level) => ({
      ...level,
      advisories: ['B-2', 'INTEL-SA-00615', 'A-1'],
    }));
    expect(sgx({ qe: { isvSvn: 7 }, tcbInfo: { levels } }).verdict?.advisories).to.deep.equal([
      'A-1',
      'B-2',
      'INTEL-SA-00615',
    ]);
  });

  it('is not supported where the platform or the quoting enclave matches no level', () => {
    const { verdict, details } = sgx({ pck: { components: unknown } });
    expect(verdict).to.deep.equal({ status: 'NotSupported', advisories: [] });
    expect(details['platformTcb']).to.equal('NotSupported');
    expect(sgx({ pck: { pceSvn: 0 } }).verdict?.status).to.equal('NotSupported');
    expect(sgx({ qe: { isvSvn: 1 } }).verdict?.status).to.equal('NotSupported');
  });

  const statuses = [
    'SWHardeningNeeded',
    'ConfigurationNeeded',
    'ConfigurationAndSWHardeningNeeded',
    'Revoked',
  ] as const;
  for (const status of [...statuses, 'OutOfDateConfigurationNeeded'] as const) {
    it(`is ${status} where Intel says so`, () => {
      const levels = collateral.SGX.tcbInfo.levels.map((level) => ({ ...level, status }));
      expect(sgx({ tcbInfo: { levels } }).verdict?.status).to.equal(status);
    });
  }

  it('is not rated by TCB info for other platforms', () => {
    const other = sgx({ pck: { fmspc: new Uint8Array(6) } });
    expect(other.reasons).to.deep.equal([
      {
        code: 'FMSPC_MISMATCH',
        detail: 'FMSPC of the PCK certificate is not the one that the TCB info is for',
        found: '000000000000',
        wanted: '0e0e0e000000',
      },
    ]);
    expect([other.verdict, other.evaluation, other.details]).to.deep.equal([undefined, undefined, {}]);
    const { reasons } = sgx({ pck: { fmspc: new Uint8Array(6), pceId: Uint8Array.of(0, 1) } });
    expect(reasons.map(({ code }) => code)).to.deep.equal(['FMSPC_MISMATCH', 'FMSPC_MISMATCH']);
  });

  it('is rated beside a quoting enclave that is another, which is refused', () => {
    const { reasons, verdict } = sgx({ qe: { isvProdId: 2 } });
    expect(reasons.map(({ code }) => code)).to.deep.equal(['QE_IDENTITY_MISMATCH']);
    expect(verdict?.status).to.equal('UpToDate');
  });

  it('needs TCB info of its own kind, which is for the caller to see to', () => {
    const input = { pck: PCK, qeReport: qeReport('SGX'), td: undefined };
    expect(() => evaluateTcb(input, collateral.TDX)).to.throw('another kind of TEE');
    expect(() => evaluateTcb({ ...input, td: report({}) }, collateral.SGX)).to.throw('another kind of TEE');
  });
});

describe('the TCB of a TDX quote', () => {
  it('is up to date with platform, module and quoting enclave', () => {
    const { reasons, verdict, evaluation, details } = tdx();
    expect([reasons, verdict?.status]).to.deep.equal([[], 'UpToDate']);
    expect(evaluation?.tdxModule).to.deep.equal({ id: 'TDX_01', isvSvn: 5, status: 'UpToDate', advisories: [] });
    expect(details['tdxModule']).to.equal('TDX_01 version 5: UpToDate');
  });

  it('is out of date with the module alone', () => {
    const advisories = ['INTEL-SA-01036'];
    expect(tdx({ td: { teeTcbSvn: svn(4) } }).verdict).to.deep.equal({ status: 'OutOfDate', advisories });
  });

  it('is revoked with the module alone', () => {
    const { tdx: modules } = collateral.TDX.tcbInfo;
    const revoked = modules?.identities.map((identity) => ({
      ...identity,
      levels: identity.levels.map((level) => ({ ...level, status: 'Revoked' as const })),
    }));
    const { verdict } = tdx({ tcbInfo: { tdx: modules && { ...modules, identities: revoked ?? [] } } });
    expect(verdict?.status).to.equal('Revoked');
  });

  it('lists the advisories of all three', () => {
    const { verdict } = tdx({ pck: { components: outdated }, qe: { isvSvn: 7 }, td: { teeTcbSvn: svn(4) } });
    expect(verdict).to.deep.equal({
      status: 'OutOfDate',
      advisories: ['INTEL-SA-00615', 'INTEL-SA-00837', 'INTEL-SA-01036'],
    });
  });

  it('is rated with the platform where the module has no major version', () => {
    const { reasons, evaluation } = tdx({ td: { teeTcbSvn: svn(5, 0) } });
    expect([reasons, evaluation?.status, evaluation?.tdxModule]).to.deep.equal([[], 'UpToDate', undefined]);
    expect(tdx({ td: { teeTcbSvn: svn(4, 0) } }).verdict?.status).to.equal('NotSupported');
  });

  it('is not supported, and refused, with a module that Intel does not list', () => {
    const { reasons, verdict } = tdx({ td: { teeTcbSvn: svn(5, 2) } });
    expect(reasons.map(({ code }) => code)).to.deep.equal(['TDX_MODULE_MRSIGNER_MISMATCH']);
    expect(verdict?.status).to.equal('NotSupported');
  });

  it('shows what Intel says of the module of a platform that it does not list', () => {
    const { verdict, evaluation } = tdx({ pck: { components: unknown }, td: { teeTcbSvn: svn(4) } });
    expect(verdict).to.deep.equal({ status: 'NotSupported', advisories: ['INTEL-SA-01036'] });
    expect(evaluation?.tdxModule?.status).to.equal('OutOfDate');
  });

  it('refuses a module by its signer and attributes', () => {
    const td = { mrSignerSeam: new Uint8Array(48).fill(1), seamAttributes: new Uint8Array(8).fill(1) };
    const codes = ['TDX_MODULE_MRSIGNER_MISMATCH', 'TDX_MODULE_ATTRIBUTES_MISMATCH'];
    expect(tdx({ td }).reasons.map(({ code }) => code)).to.deep.equal(codes);
    const other = tdx({ td, pck: { fmspc: new Uint8Array(6) } }).reasons.map(({ code }) => code);
    expect(other, 'among all else').to.deep.equal(['FMSPC_MISMATCH', ...codes]);
  });
});

describe('the TCB of a trust domain of TDX 1.5', () => {
  const run = (teeTcbSvn: Uint8Array, teeTcbSvn2: Uint8Array, more: Case = {}) =>
    tdx({ ...more, td: { teeTcbSvn, teeTcbSvn2 } });

  it('is that at launch where the platform is the same now', () => {
    const { verdict, evaluation, details } = run(svn(5), svn(5));
    expect([verdict?.status, evaluation?.launch, evaluation?.current]).to.deep.equal(Array(3).fill('UpToDate'));
    expect(details).to.include({ tcbAtLaunch: 'UpToDate', tcbNow: 'UpToDate' });
    expect(run(svn(4), svn(4)).verdict?.status).to.equal('OutOfDate');
  });

  it('advises a launch where the platform was updated beneath it', () => {
    const { verdict, evaluation } = run(svn(4), svn(5));
    expect(verdict).to.deep.equal({ status: 'TDRelaunchAdvised', advisories: ['INTEL-SA-01036'] });
    expect([evaluation?.launch, evaluation?.current]).to.deep.equal(['OutOfDate', 'UpToDate']);
  });

  it('advises a configuration as well where Intel asks for one', () => {
    const levels = collateral.TDX.tcbInfo.levels.map((level) => ({ ...level, status: 'ConfigurationNeeded' as const }));
    const { verdict } = run(svn(4), svn(5), { tcbInfo: { levels } });
    expect(verdict?.status).to.equal('TDRelaunchAdvisedConfigurationNeeded');
  });

  it('advises no launch that would not help', () => {
    expect(run(svn(4), svn(5), { pck: { components: outdated } }).verdict?.status).to.equal('OutOfDate');
    expect(run(svn(4), svn(5), { qe: { isvSvn: 7 } }).verdict?.status).to.equal('OutOfDate');
    expect(run(svn(5), svn(4)).verdict?.status, 'and none after a step back').to.equal('UpToDate');
  });

  it('counts the advisories of both', () => {
    expect(run(svn(5), svn(4)).verdict?.advisories).to.deep.equal(['INTEL-SA-01036']);
  });

  it('is not supported where either matches no level', () => {
    expect(run(svn(5), svn(1)).verdict?.status).to.equal('NotSupported');
    expect(run(svn(1), svn(5)).verdict?.status).to.equal('NotSupported');
    expect(run(svn(5), svn(5, 2)).verdict?.status).to.equal('NotSupported');
  });
});
