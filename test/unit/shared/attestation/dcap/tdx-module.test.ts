import { expect } from 'chai';
import { tdReport } from '#infra/emulator/intel/report.ts';
import { tdxTcbInfo } from '#infra/emulator/intel/tcb.ts';
import { parseTcbInfo, type TdxModuleIdentity, type TdxModules } from '#shared/attestation/dcap/tcb-info.ts';
import { parseTdReport, type TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import { rateTdxModule, tdxModuleReasons } from '#shared/attestation/dcap/tdx-module.ts';
import { assert } from '#shared/fault/fault.ts';

const { tdx: modules } = parseTcbInfo(JSON.stringify(tdxTcbInfo({ validMs: [0, 1000], evaluationNumber: 1 })));
assert(modules !== undefined, 'TCB info of TDX without modules');

const svn = (minor: number, major: number): Uint8Array => Uint8Array.of(minor, major, ...new Uint8Array(14));
const report = (fields: Partial<TdReportBody>): TdReportBody => parseTdReport(tdReport(fields), '1.0');

describe('the rating of a TDX module', () => {
  it('is by its major version, then by its own', () => {
    expect(rateTdxModule(modules, svn(5, 1))).to.deep.equal({
      id: 'TDX_01',
      isvSvn: 5,
      status: 'UpToDate',
      advisories: [],
    });
    expect(rateTdxModule(modules, svn(255, 1))?.status).to.equal('UpToDate');
    const advisories = ['INTEL-SA-01036'];
    expect(rateTdxModule(modules, svn(4, 1))).to.deep.equal({
      id: 'TDX_01',
      isvSvn: 4,
      status: 'OutOfDate',
      advisories,
    });
    expect(rateTdxModule(modules, svn(2, 1))?.status).to.equal('OutOfDate');
    expect(rateTdxModule(modules, svn(3, 3))?.status).to.equal('UpToDate');
  });

  it('is not supported below the lowest level, and of a version that Intel does not list', () => {
    const none = { status: 'NotSupported', advisories: [] };
    expect(rateTdxModule(modules, svn(1, 1))).to.deep.equal({ id: 'TDX_01', isvSvn: 1, ...none });
    expect(rateTdxModule(modules, svn(5, 2))).to.deep.equal({ id: 'TDX_02', isvSvn: 5, ...none });
    expect(rateTdxModule(modules, svn(5, 0xab))).to.deep.equal({ id: 'TDX_AB', isvSvn: 5, ...none });
    expect(rateTdxModule({ ...modules, identities: [] }, svn(5, 1))?.status).to.equal('NotSupported');
  });

  it('is left to the platform where it has no major version', () => {
    expect(rateTdxModule(modules, svn(5, 0))).to.equal(undefined);
  });

  it('takes an identity for what it is in either case of its letters', () => {
    const json = tdxTcbInfo({ validMs: [0, 1000], evaluationNumber: 1 });
    const [first] = json.tdxModuleIdentities ?? [];
    const lower = { ...json, tdxModuleIdentities: [{ ...first, id: 'TDX_0a' }] };
    const { tdx } = parseTcbInfo(JSON.stringify(lower));
    expect(tdx && rateTdxModule(tdx, svn(3, 0x0a))).to.include({ id: 'TDX_0A', status: 'UpToDate' });
  });
});

describe('the signer of a TDX module', () => {
  it('is Intel where the report says zero, with a major version and without', () => {
    expect(tdxModuleReasons(modules, report({ teeTcbSvn: svn(5, 1) }))).to.deep.equal([]);
    expect(tdxModuleReasons(modules, report({ teeTcbSvn: svn(5, 0) }))).to.deep.equal([]);
  });

  it('is compared with that of its own version', () => {
    const other = new Uint8Array(48).fill(7);
    const bent = bentIdentity({ mrSigner: other });
    expect(codes(bent, { teeTcbSvn: svn(5, 1) })).to.deep.equal(['TDX_MODULE_MRSIGNER_MISMATCH']);
    expect(codes(bent, { teeTcbSvn: svn(5, 1), mrSignerSeam: other })).to.deep.equal([]);
    expect(codes(bent, { teeTcbSvn: svn(5, 0) })).to.deep.equal([]);
    expect(codes(bent, { teeTcbSvn: svn(5, 0), mrSignerSeam: other })).to.deep.equal(['TDX_MODULE_MRSIGNER_MISMATCH']);
  });

  it('is compared in every byte', () => {
    for (let at = 0; at < 48; at++) {
      const mrSignerSeam = new Uint8Array(48).fill(1, at, at + 1);
      expect(codes(modules, { teeTcbSvn: svn(5, 1), mrSignerSeam })).to.deep.equal(['TDX_MODULE_MRSIGNER_MISMATCH']);
    }
  });

  it('cannot be right for a version that Intel does not list', () => {
    const reasons = tdxModuleReasons(modules, report({ teeTcbSvn: svn(5, 2) }));
    expect(reasons).to.have.lengthOf(1);
    expect(reasons[0]).to.include({
      code: 'TDX_MODULE_MRSIGNER_MISMATCH',
      found: 'TDX_02',
      wanted: 'TDX_03 or TDX_01',
    });
  });
});

describe('the attributes of a TDX module', () => {
  it('must be zero, whatever the mask leaves open', () => {
    const open = bentIdentity({ attributesMask: new Uint8Array(8) });
    for (let at = 0; at < 8; at++) {
      const seamAttributes = new Uint8Array(8).fill(1, at, at + 1);
      const wanted = ['TDX_MODULE_ATTRIBUTES_MISMATCH'];
      expect(codes(modules, { teeTcbSvn: svn(5, 1), seamAttributes })).to.deep.equal(wanted);
      expect(codes(modules, { teeTcbSvn: svn(5, 0), seamAttributes })).to.deep.equal(wanted);
      expect(codes(open, { teeTcbSvn: svn(5, 1), seamAttributes })).to.deep.equal(wanted);
    }
  });

  it('must be those that Intel names', () => {
    const bent = bentIdentity({ attributes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) });
    expect(codes(bent, { teeTcbSvn: svn(5, 1) })).to.deep.equal(['TDX_MODULE_ATTRIBUTES_MISMATCH']);
  });

  it('are listed next to a signer that is wrong as well', () => {
    const wrong = { mrSignerSeam: new Uint8Array(48).fill(1), seamAttributes: new Uint8Array(8).fill(1) };
    const wanted = ['TDX_MODULE_MRSIGNER_MISMATCH', 'TDX_MODULE_ATTRIBUTES_MISMATCH'];
    expect(codes(modules, { teeTcbSvn: svn(5, 1), ...wrong })).to.deep.equal(wanted);
  });
});

/** The modules with TDX_01 bent. */
function bentIdentity(bend: Partial<TdxModuleIdentity>): TdxModules {
  assert(modules !== undefined, 'no modules');
  const identities = modules.identities.map((identity) =>
    identity.id === 'TDX_01' ? { ...identity, ...bend } : identity,
  );
  return { ...modules, identities };
}

function codes(of: TdxModules, fields: Partial<TdReportBody>): readonly string[] {
  return tdxModuleReasons(of, report(fields)).map(({ code }) => code);
}
