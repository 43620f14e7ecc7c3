import { expect } from 'chai';
import { type Json, newTokenKey, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { codes, TIMES, verifyToken } from './service.ts';

const PLATFORM = 'intel-trust-authority';
const REPORT_DATA = 'ab'.repeat(64);
const COMMON: Json = { ...TIMES, iss: 'Intel Trust Authority', ver: '1.0.0' };
const TDX: Json = {
  attester_type: 'TDX',
  attester_tcb_status: 'UpToDate',
  dbgstat: 'disabled',
  tdx_is_debuggable: false,
  tdx_mrtd: '11'.repeat(48),
  tdx_rtmr0: '22'.repeat(48),
  tdx_mrseam: '33'.repeat(48),
  tdx_report_data: REPORT_DATA,
  tdx_seamsvn: 2,
  tdx_td_attributes: '0000000000000000',
  tdx_td_attributes_debug: false,
  verifier_nonce: { val: 'bm9uY2U=' },
};
const SGX: Json = {
  attester_type: 'SGX',
  attester_tcb_status: 'SWHardeningNeeded',
  attester_advisory_ids: ['INTEL-SA-00615', 'INTEL-SA-00289', 'INTEL-SA-00615'],
  sgx_is_debuggable: false,
  sgx_mrenclave: '44'.repeat(32),
  sgx_mrsigner: '55'.repeat(32),
  sgx_isvprodid: 7,
  sgx_isvsvn: 3,
  sgx_report_data: REPORT_DATA,
};
const AMBER: Json = {
  amber_evidence_type: 'SGX',
  amber_tcb_status: 'OUT_OF_DATE',
  amber_sgx_mrenclave: '66'.repeat(32),
  amber_sgx_mrsigner: '77'.repeat(32),
  amber_sgx_is_debuggable: false,
  amber_sgx_isvprodid: 0,
  amber_sgx_isvsvn: 1,
  amber_report_data: REPORT_DATA,
};

describe('Intel Trust Authority', () => {
  let key: TokenKey;
  before(() => {
    key = newTokenKey('PS384');
  });

  async function claimsOf(payload: Json): Promise<Claims> {
    const result = await verifyToken(PLATFORM, key, payload);
    if (result.kind === 'refused') throw new Error(result.reasons.map(({ detail }) => detail).join());
    return result.claims;
  }
  const isDebug = async (tee: Json): Promise<boolean> => (await claimsOf({ ...COMMON, ...tee })).debug;

  it('proves the claims of a trust domain, nested or not', async () => {
    for (const payload of [
      { ...COMMON, ...TDX },
      { ...COMMON, ver: '2.0.0', tdx: TDX },
    ]) {
      const claims = await claimsOf(payload);
      expect(claims).to.deep.include({
        measurements: { MRTD: '11'.repeat(48), RTMR0: '22'.repeat(48), MRSEAM: '33'.repeat(48) },
        debug: false,
        levels: { seam_svn: 2 },
        tcb: { status: 'UpToDate', advisories: [] },
        nonce: utf8('bm9uY2U='),
      });
      expect(toHex(claims.reportData)).to.equal(REPORT_DATA);
      expect(claims.attributes).to.include({ iss: 'Intel Trust Authority', tee: 'TDX', ver: payload.ver });
    }
  });

  it('proves the claims of an enclave, with its advisories', async () => {
    for (const payload of [
      { ...COMMON, ...SGX },
      { ...COMMON, sgx: SGX },
    ]) {
      const claims = await claimsOf(payload);
      expect(claims).to.deep.include({
        measurements: { MRENCLAVE: '44'.repeat(32), MRSIGNER: '55'.repeat(32) },
        debug: false,
        levels: { isv_svn: 3 },
        tcb: { status: 'SWHardeningNeeded', advisories: ['INTEL-SA-00289', 'INTEL-SA-00615'] },
      });
      expect(claims.attributes).to.include({ tee: 'SGX', product_id: 7 });
    }
  });

  it('knows the names of Project Amber', async () => {
    const claims = await claimsOf({ ...COMMON, ...AMBER });
    expect(claims).to.deep.include({
      measurements: { MRENCLAVE: '66'.repeat(32), MRSIGNER: '77'.repeat(32) },
      debug: false,
      levels: { isv_svn: 1 },
      tcb: { status: 'OutOfDate', advisories: [] },
    });
    expect(toHex(claims.reportData)).to.equal(REPORT_DATA);
    expect(claims.attributes).to.include({ tee: 'SGX', product_id: 0 });
    const domain = await claimsOf({ ...COMMON, amber_tdx_mrtd: '88'.repeat(48), amber_tdx_seamsvn: 1 });
    expect(domain).to.deep.include({ measurements: { MRTD: '88'.repeat(48) }, levels: { seam_svn: 1 }, debug: true });
  });

  const words: Readonly<Record<string, string>> = {
    OK: 'UpToDate',
    UpToDate: 'UpToDate',
    SW_HARDENING_NEEDED: 'SWHardeningNeeded',
    CONFIG_NEEDED: 'ConfigurationNeeded',
    CONFIGURATION_NEEDED: 'ConfigurationNeeded',
    CONFIG_AND_SW_HARDENING_NEEDED: 'ConfigurationAndSWHardeningNeeded',
    OUT_OF_DATE: 'OutOfDate',
    OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
    OUT_OF_DATE_CONFIG_NEEDED: 'OutOfDateConfigurationNeeded',
    TD_RELAUNCH_ADVISED: 'TDRelaunchAdvised',
    TD_RELAUNCH_ADVISED_CONFIG_NEEDED: 'TDRelaunchAdvisedConfigurationNeeded',
    REVOKED: 'Revoked',
    UNSPECIFIED: 'NotSupported',
    constructor: 'NotSupported',
    '': 'NotSupported',
  };
  it('has every word for the status of a TCB, and takes no new one for a good one', async () => {
    for (const [word, status] of Object.entries(words)) {
      const claims = await claimsOf({ ...COMMON, ...TDX, attester_tcb_status: word });
      expect(claims.tcb?.status, word).to.equal(status);
    }
  });

  it('takes the worse of two statuses, and hides no advisory behind its spelling', async () => {
    const both = await claimsOf({ ...COMMON, ...TDX, amber_tcb_status: 'REVOKED' });
    expect(both.tcb?.status).to.equal('Revoked');
    const odd = await claimsOf({ ...COMMON, ...TDX, attester_advisory_ids: ['INTEL-SA-1', 'no such', 5] });
    expect(odd.tcb?.advisories).to.deep.equal(['INTEL-SA-1', 'unnamed']);
  });

  it('counts as debug whatever does not say that it is not', async () => {
    for (const tee of [
      { ...TDX, tdx_is_debuggable: true },
      { ...TDX, tdx_td_attributes_debug: true },
      { ...TDX, tdx_td_attributes: '0400000000000000' },
      { ...TDX, dbgstat: 'enabled' },
      { ...SGX, sgx_is_debuggable: 'false' },
      { ...SGX, sgx_is_debuggable: undefined },
      { ...AMBER, amber_sgx_is_debuggable: true },
      { ...AMBER, amber_tee_is_debuggable: true },
    ]) {
      expect(await isDebug(tee), JSON.stringify(tee)).to.equal(true);
    }
    for (const dbgstat of ['disabled-since-boot', 'disabled-permanently', 'disabled-fully-and-permanently']) {
      expect(await isDebug({ ...TDX, dbgstat }), dbgstat).to.equal(false);
    }
  });

  it('counts as debug where a GPU beside the trust domain may be debugged', async () => {
    const withGpus = (...dbgstats: readonly unknown[]): Promise<boolean> =>
      isDebug({
        tdx: TDX,
        nvgpu: { claim_details: Object.fromEntries(dbgstats.map((dbgstat, i) => [`GPU-${i}`, { dbgstat }])) },
      });
    expect(await withGpus('disabled', undefined)).to.equal(false);
    expect(await withGpus('disabled', 'enabled')).to.equal(true);
    expect(await isDebug({ tdx: TDX, nvgpu: { dbgstat: 'enabled' } })).to.equal(true);
    expect(await isDebug({ tdx: TDX, nvgpu: { claim_details: 'none' } })).to.equal(false);
  });

  it('is taken with RS256 too, which an attester may ask for', async () => {
    const rs256 = newTokenKey('RS256');
    expect(codes(await verifyToken(PLATFORM, rs256, { ...COMMON, ...TDX }))).to.deep.equal([]);
    const es384 = newTokenKey('ES384');
    expect(codes(await verifyToken(PLATFORM, es384, { ...COMMON, ...TDX }))).to.deep.equal(['ALG_NOT_ALLOWED']);
  });

  it('is refused with a signature that has another salt, or is altered', async () => {
    const flip = (signature: Uint8Array): Uint8Array => signature.map((byte, i) => (i === 9 ? byte ^ 1 : byte));
    const result = await verifyToken(PLATFORM, key, { ...COMMON, ...TDX }, { defects: { alterSignature: flip } });
    expect(codes(result)).to.deep.equal(['SIGNATURE_INVALID']);
    const pkcs1 = { ...key, algorithm: 'RS256' } as const;
    const padded = await verifyToken(PLATFORM, key, { ...COMMON, ...TDX }, { defects: { signWith: pkcs1 } });
    expect(codes(padded)).to.deep.equal(['SIGNATURE_INVALID']);
  });

  it('is refused with measurements that are not what they are called', async () => {
    for (const bend of [{ tdx_mrtd: '11' }, { tdx_report_data: 'ab' }, { tdx_rtmr0: 5 }, { tdx_td_attributes: 0 }]) {
      expect(codes(await verifyToken(PLATFORM, key, { ...COMMON, ...TDX, ...bend }))).to.deep.equal(['MALFORMED']);
    }
  });
});
