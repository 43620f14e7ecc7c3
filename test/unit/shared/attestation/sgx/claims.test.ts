import { expect } from 'chai';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { SgxReportBody } from '#shared/attestation/dcap/sgx-report.ts';
import { type AcceptedEnclave, parsePolicy } from '#shared/attestation/policy.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { type FakeIntel, fakeIntel, plainSgx, quoteOf, verifyIntel } from '#test/fakes/tee/intel.ts';

/** FLAGS of an enclave in their first bytes; XFRM is that of a plain one. */
const flags = (...bytes: readonly number[]): Partial<SgxReportBody> => {
  const attributes = new Uint8Array(16);
  attributes.set(bytes);
  attributes[8] = 0xe7;
  return { attributes };
};

describe('SGX claims', () => {
  let sgx: FakeIntel;
  before(async () => {
    sgx = await fakeIntel('SGX');
  });

  const claimsOf = async (fields: Partial<SgxReportBody> = {}): Promise<Claims> => {
    const document = await quoteOf(sgx.machine, {}, { report: plainSgx(fields) });
    const { kind, claims } = await verifyIntel(sgx, document);
    if (kind !== 'verified' || claims === undefined) throw new Error('the quote was refused');
    return claims;
  };
  const codesUnder = (claims: Claims, enclave: Partial<AcceptedEnclave> = {}): readonly string[] => {
    const accepted = {
      name: 'the enclave',
      platform: 'intel-sgx',
      measurements: { MRENCLAVE: 'ee'.repeat(32) },
    } as const;
    const policy = parsePolicy({
      enclaves: [{ ...accepted, ...enclave }],
      roots: [{ name: 'EMULATED root', platform: 'intel-sgx', sha256: sgx.anchor.sha256, emulated: true }],
    });
    return appraise(claims, [policy], NOW_MS).map(({ code }) => code);
  };

  it('state what the report states, and the platform below it', async () => {
    const claims = await claimsOf({ configId: new Uint8Array(64).fill(1), configSvn: 5 });
    expect(claims.measurements).to.deep.equal({
      MRENCLAVE: 'ee'.repeat(32),
      MRSIGNER: '51'.repeat(32),
      CONFIGID: '01'.repeat(64),
      ISVFAMILYID: '00'.repeat(16),
      ISVEXTPRODID: '00'.repeat(16),
    });
    expect(claims.attributes).to.include({ isv_prod_id: 7, mode64bit: true, xfrm: 'e700000000000000', sgx_type: 1 });
    expect(claims.levels).to.include({ isv_svn: 3, config_svn: 5, pce_svn: 13, qe_svn: 8, 'sgx_tcb_svn.8': 5 });
    expect(claims.levels).to.include({ tcb_evaluation_number: 18 });
    expect([claims.debug, claims.issuedAtMs, claims.nonce.length]).to.deep.equal([false, undefined, 0]);
    expect(claims.details['chain']).to.match(/EMULATED Intel SGX Root CA > .*Platform CA > .*PCK Certificate$/);
  });

  it('of a board with one processor leave out what only others have', async () => {
    const { platformInstanceId, configuration, ...single } = sgx.machine.platform;
    expect([platformInstanceId, configuration]).to.not.include(undefined);
    const board = await fakeIntel('SGX', { platform: single });
    const { claims } = await verifyIntel(board, await quoteOf(board.machine));
    expect(claims?.attributes).to.not.have.any.keys('platform_instance_id', 'smt_enabled');
  });

  it('of a production enclave pass by its measurement, or by signer, product and version', async () => {
    const claims = await claimsOf();
    expect(codesUnder(claims)).to.deep.equal([]);
    const signer = { MRSIGNER: '51'.repeat(32) };
    const named = (isvSvn: number): Partial<AcceptedEnclave> => ({
      measurements: signer,
      attributes: { isv_prod_id: 7 },
      minimums: { isv_svn: isvSvn },
    });
    expect(codesUnder(claims, named(3))).to.deep.equal([]);
    expect(codesUnder(claims, named(4))).to.deep.equal(['TCB_BELOW_MINIMUM']);
    expect(codesUnder(claims, { ...named(3), attributes: { isv_prod_id: 8 } })).to.deep.equal(['CLAIM_MISMATCH']);
  });

  it('cannot be accepted by signer alone', async () => {
    const claims = await claimsOf();
    expect(() => codesUnder(claims, { measurements: { MRSIGNER: '51'.repeat(32) } })).to.throw('must state');
  });

  it('of an enclave under debug are refused as such', async () => {
    const claims = await claimsOf(flags(0x07));
    expect([claims.debug, codesUnder(claims)]).to.deep.equal([true, ['DEBUG_ENABLED']]);
  });

  const demanded: Readonly<Record<string, readonly [Partial<SgxReportBody>, AcceptedEnclave['attributes']]>> = {
    'an enclave that is not initialised': [flags(0x04), { init: false }],
    'an enclave with the provisioning key': [flags(0x15), { provision_key: true }],
    'an enclave with the launch key': [flags(0x25), { einittoken_key: true }],
    'an enclave with key separation': [flags(0x85), { kss: true }],
    'an enclave with an unknown attribute': [flags(0x05, 0, 1), { unknown_attributes: true }],
  };
  for (const [name, [fields, attributes = {}]] of Object.entries(demanded)) {
    it(`of ${name} are refused unless a policy names it`, async () => {
      const claims = await claimsOf(fields);
      expect(codesUnder(claims)).to.deep.equal(['CLAIM_MISMATCH']);
      expect(codesUnder(claims, { attributes })).to.deep.equal([]);
    });
  }

  it('take hardening features of the processor for nothing unknown', async () => {
    // CET and AEX notify.
    expect(codesUnder(await claimsOf(flags(0x45, 0x04)))).to.deep.equal([]);
  });
});
