import { expect } from 'chai';
import { type Json, newTokenKey, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import { pinOf } from '#infra/emulator/tokens/key-set.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { AcceptedEnclave } from '#shared/attestation/policy.ts';
import { parsePolicy } from '#shared/attestation/policy.ts';
import { fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { codes, NOW_MS, TIMES, verifyToken } from './service.ts';

const PLATFORM = 'azure-maa-jwt';
const ISSUER = 'https://sharedweu.weu.attest.azure.net';
const MEASUREMENT = '11'.repeat(48);
const HARDWARE_DATA = `${'22'.repeat(32)}${'00'.repeat(32)}`;

const SNP: Json = {
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-compliance-status': 'azure-compliant-cvm',
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-launchmeasurement': MEASUREMENT,
  'x-ms-sevsnpvm-hostdata': '33'.repeat(32),
  'x-ms-sevsnpvm-idkeydigest': '44'.repeat(48),
  'x-ms-sevsnpvm-authorkeydigest': '00'.repeat(48),
  'x-ms-sevsnpvm-reportdata': HARDWARE_DATA,
  'x-ms-sevsnpvm-migration-allowed': false,
  'x-ms-sevsnpvm-smt-allowed': true,
  'x-ms-sevsnpvm-vmpl': 0,
  'x-ms-sevsnpvm-bootloader-svn': 3,
  'x-ms-sevsnpvm-tee-svn': 0,
  'x-ms-sevsnpvm-snpfw-svn': 8,
  'x-ms-sevsnpvm-microcode-svn': 115,
  'x-ms-sevsnpvm-guestsvn': 4,
};
const TDX: Json = {
  'x-ms-attestation-type': 'tdxvm',
  attester_tcb_status: 'UpToDate',
  dbgstat: 'disabled',
  tdx_mrtd: '55'.repeat(48),
  tdx_rtmr3: '66'.repeat(48),
  tdx_report_data: HARDWARE_DATA,
  tdx_seamsvn: 3,
  tdx_td_attributes: '0000001000000000',
  tdx_td_attributes_debug: false,
};
const SGX: Json = {
  'x-ms-attestation-type': 'sgx',
  'x-ms-sgx-is-debuggable': false,
  'x-ms-sgx-mrenclave': '77'.repeat(32),
  'x-ms-sgx-mrsigner': '88'.repeat(32),
  'x-ms-sgx-product-id': 1,
  'x-ms-sgx-svn': 2,
  'x-ms-sgx-report-data': HARDWARE_DATA,
};
const COMMON: Json = { ...TIMES, iss: ISSUER, 'x-ms-policy-hash': 'hash' };
/** The token of a confidential VM: about its guest, with the hardware's claims nested in it. */
const vm = (tee: Json, more: Json = {}): Json => ({
  ...COMMON,
  'x-ms-attestation-type': 'azurevm',
  secureboot: true,
  'x-ms-azurevm-kerneldebug-enabled': false,
  'x-ms-isolation-tee': tee,
  ...more,
});

describe('Microsoft Azure Attestation', () => {
  let key: TokenKey;
  before(() => {
    key = newTokenKey('RS256');
  });

  async function claimsOf(payload: Json): Promise<Claims> {
    const result = await verifyToken(PLATFORM, key, payload);
    if (result.kind === 'refused') throw new Error(result.reasons.map(({ detail }) => detail).join());
    return result.claims;
  }
  const isDebug = async (payload: Json): Promise<boolean> => (await claimsOf(payload)).debug;

  it('proves the claims of an SEV-SNP machine', async () => {
    const runtime = { 'client-payload': { nonce: 'bm9uY2U=' } };
    const claims = await claimsOf(vm(SNP, { 'x-ms-runtime': runtime }));
    expect(claims).to.deep.include({
      measurements: {
        LAUNCH_MEASUREMENT: MEASUREMENT,
        HOST_DATA: '33'.repeat(32),
        ID_KEY_DIGEST: '44'.repeat(48),
        AUTHOR_KEY_DIGEST: '00'.repeat(48),
      },
      debug: false,
      levels: { bootloader_svn: 3, tee_svn: 0, snp_svn: 8, microcode_svn: 115, guest_svn: 4 },
      tcb: undefined,
      reportData: fromHex(HARDWARE_DATA),
      nonce: utf8('bm9uY2U='),
    });
    expect(claims.attributes).to.include({
      iss: ISSUER,
      tee: 'sevsnpvm',
      compliance_status: 'azure-compliant-cvm',
      policy_hash: 'hash',
      secure_boot: true,
      vmpl: 0,
      migration_allowed: false,
      smt_allowed: true,
      'x-ms-isolation-tee.x-ms-sevsnpvm-snpfw-svn': 8,
    });
  });

  it('proves the claims of a trust domain, nested or not', async () => {
    for (const payload of [vm(TDX), { ...COMMON, ...TDX }]) {
      const claims = await claimsOf(payload);
      expect(claims.measurements).to.deep.equal({ MRTD: '55'.repeat(48), RTMR3: '66'.repeat(48) });
      expect(claims).to.deep.include({ debug: false, levels: { seam_svn: 3 } });
      expect(claims.tcb).to.deep.equal({ status: 'UpToDate', advisories: [] });
      expect(claims.attributes).to.include({ tee: 'tdxvm' });
    }
  });

  it('proves the claims of an SGX enclave', async () => {
    const claims = await claimsOf({ ...COMMON, ...SGX, nonce: 'n' });
    expect(claims.measurements).to.deep.equal({ MRENCLAVE: '77'.repeat(32), MRSIGNER: '88'.repeat(32) });
    expect(claims).to.deep.include({ debug: false, levels: { isv_svn: 2 }, nonce: utf8('n') });
    expect(toHex(claims.reportData)).to.equal(HARDWARE_DATA);
    expect(claims.attributes).to.include({ tee: 'sgx', product_id: 1 });
  });

  it("takes a confidential VM's own 64 bytes for its report data, where there are any", async () => {
    const own = 'AB'.repeat(64);
    const withUserData = (value: unknown): Json => vm({ ...SNP, 'x-ms-runtime': { 'user-data': value } });
    expect(toHex((await claimsOf(withUserData(own))).reportData)).to.equal(own.toLowerCase());
    for (const value of ['AB', 'x'.repeat(128), 5, undefined]) {
      expect(toHex((await claimsOf(withUserData(value))).reportData)).to.equal(HARDWARE_DATA);
    }
  });

  it('counts as debug whatever does not say that it is not', async () => {
    expect(await isDebug(vm({ ...SNP, 'x-ms-sevsnpvm-is-debuggable': true }))).to.equal(true);
    expect(await isDebug(vm({ ...SNP, 'x-ms-sevsnpvm-is-debuggable': 'false' }))).to.equal(true);
    expect(await isDebug(vm({ ...SNP, 'x-ms-sevsnpvm-is-debuggable': undefined }))).to.equal(true);
    expect(await isDebug({ ...COMMON, ...SGX, 'x-ms-sgx-is-debuggable': true })).to.equal(true);
    expect(await isDebug(vm({ ...TDX, tdx_td_attributes_debug: true }))).to.equal(true);
    expect(await isDebug(vm({ ...TDX, tdx_td_attributes: '0100001000000000' }))).to.equal(true);
    expect(await isDebug(vm({ ...TDX, dbgstat: 'enabled' }))).to.equal(true);
    expect(await isDebug(vm(SNP, { 'x-ms-azurevm-kerneldebug-enabled': true }))).to.equal(true);
    expect(await isDebug(vm(SNP, { 'x-ms-azurevm-bootdebug-enabled': 'no' }))).to.equal(true);
    // Tokens of Linux guests may hold this flag alone.
    for (const flag of [false, 'true', null]) {
      expect(await isDebug(vm(SNP, { 'x-ms-azurevm-debuggersdisabled': flag })), String(flag)).to.equal(true);
    }
    expect(await isDebug(vm(SNP, { 'x-ms-azurevm-debuggersdisabled': true }))).to.equal(false);
  });

  it('states no measurement of a machine that is not confidential', async () => {
    const claims = await claimsOf(vm({}, { 'x-ms-isolation-tee': undefined }));
    expect(claims).to.deep.include({ measurements: {}, debug: true });
    expect(claims.attributes).to.not.have.property('tee');
  });

  it('is not misled by claims beside the nested ones', async () => {
    const claims = await claimsOf(vm({ ...SNP, 'x-ms-sevsnpvm-launchmeasurement': undefined }, SNP));
    expect(claims.measurements).to.not.have.property('LAUNCH_MEASUREMENT');
  });

  const malformed: Readonly<Record<string, Json>> = {
    'a measurement too short': { ...SNP, 'x-ms-sevsnpvm-launchmeasurement': '11' },
    'a measurement that is a number': { ...SNP, 'x-ms-sevsnpvm-launchmeasurement': 11 },
    'report data that are no hexadecimal': { ...SNP, 'x-ms-sevsnpvm-reportdata': 'x'.repeat(128) },
    'TD attributes of another length': { ...TDX, tdx_td_attributes: '00' },
    'an MRTD of 32 bytes': { ...TDX, tdx_mrtd: '55'.repeat(32) },
  };
  for (const [name, tee] of Object.entries(malformed)) {
    it(`is refused with ${name}`, async () => {
      expect(codes(await verifyToken(PLATFORM, key, vm(tee)))).to.deep.equal(['MALFORMED']);
    });
  }

  describe('issuer', () => {
    for (const iss of [ISSUER, 'https://myProvider-1.eus2.test.attest.azure.net', 'https://a.attest.azure.net']) {
      it(`may be ${iss}`, async () => {
        expect(codes(await verifyToken(PLATFORM, key, vm(SNP, { iss })))).to.deep.equal([]);
      });
    }

    const tricks = [
      'http://sharedweu.weu.attest.azure.net',
      'https://attest.azure.net',
      'https://.attest.azure.net',
      'https://evil.example/.attest.azure.net',
      'https://evil.example#.attest.azure.net',
      'https://evil.example?.attest.azure.net',
      'https://evil.example\\.attest.azure.net',
      'https://user@sharedweu.weu.attest.azure.net',
      'https://sharedweu.weu.attest.azure.net:443',
      'https://sharedweu.weu.attest.azure.net/',
      'https://sharedweu.weu.attest.azure.net/certs',
      'https://sharedweu..attest.azure.net',
      'https://sharedweu.weu.attest.azure.net.evil.example',
      'https://sharedweu.weu.xattest.azure.net',
      'https://a\n.attest.azure.net',
      'sharedweu.weu.attest.azure.net',
      '',
      undefined,
      [ISSUER],
    ];
    for (const iss of tricks) {
      it(`is refused when it is ${JSON.stringify(iss)}`, async () => {
        expect(codes(await verifyToken(PLATFORM, key, vm(SNP, { iss })))).to.deep.equal(['ISSUER_MISMATCH']);
      });
    }

    it('shows nothing of it that could play tricks on a screen', async () => {
      const result = await verifyToken(PLATFORM, key, vm(SNP, { iss: `\u001b[2J${'x'.repeat(500)}` }));
      expect(result.kind === 'refused' && result.reasons[0]?.found).to.match(/^\?\[2Jx{92}$/);
    });

    const enclave = (more: Partial<AcceptedEnclave>): unknown => ({
      enclaves: [{ name: 'ours', platform: PLATFORM, measurements: { LAUNCH_MEASUREMENT: MEASUREMENT }, ...more }],
    });

    it('must be named by a policy, and be that one', async () => {
      expect(() => parsePolicy(enclave({}))).to.throw('iss and LAUNCH_MEASUREMENT');
      const { kind, ...root } = pinOf(key, PLATFORM);
      const policy = parsePolicy({
        ...Object(enclave({ attributes: { iss: ISSUER } })),
        roots: [{ ...root, kind: 'key' }],
      });
      expect(kind).to.equal('key');
      expect(appraise(await claimsOf(vm(SNP)), [policy], NOW_MS)).to.deep.equal([]);
      const other = await claimsOf(vm(SNP, { iss: 'https://mine.weu.attest.azure.net' }));
      expect(appraise(other, [policy], NOW_MS).map(({ code }) => code)).to.deep.equal(['ISSUER_MISMATCH']);
    });
  });
});
