import { expect } from 'chai';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import { type AcceptedEnclave, parsePolicy } from '#shared/attestation/policy.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { codesOf, type FakeIntel, fakeIntel, plainTd, quoteOf, verifyIntel } from '#test/fakes/tee/intel.ts';

const MEASUREMENTS = { MRTD: '7d', RTMR0: 'a0', RTMR1: 'a1', RTMR2: 'a2' } as const;
const REFERENCE = Object.fromEntries(Object.entries(MEASUREMENTS).map(([name, byte]) => [name, byte.repeat(48)]));
/** SEPT_VE_DISABLE is set besides. */
const attributes = (...bits: readonly number[]): Partial<TdReportBody> => {
  const tdAttributes = new Uint8Array(8);
  for (const bit of [28, ...bits]) tdAttributes[bit >> 3] = (tdAttributes[bit >> 3] ?? 0) | (1 << (bit & 7));
  return { tdAttributes };
};

describe('TDX claims', () => {
  let tdx: FakeIntel;
  before(async () => {
    tdx = await fakeIntel('TDX');
  });

  const claimsOf = async (fields: Partial<TdReportBody> = {}, version: 4 | 5 = 4): Promise<Claims> => {
    const document = await quoteOf(tdx.machine, {}, { version, report: plainTd(fields) });
    const { kind, claims } = await verifyIntel(tdx, document);
    if (kind !== 'verified' || claims === undefined) throw new Error('the quote was refused');
    return claims;
  };
  const codesUnder = (claims: Claims, enclave: Partial<AcceptedEnclave> = {}): readonly string[] => {
    const accepted = { name: 'the domain', platform: 'intel-tdx', measurements: REFERENCE } as const;
    const policy = parsePolicy({
      enclaves: [{ ...accepted, ...enclave }],
      roots: [{ name: 'EMULATED root', platform: 'intel-tdx', sha256: tdx.anchor.sha256, emulated: true }],
    });
    return appraise(claims, [policy], NOW_MS).map(({ code }) => code);
  };

  it('state what the report states, and the platform below it', async () => {
    const claims = await claimsOf({ mrOwner: new Uint8Array(48).fill(3) });
    expect(claims.measurements).to.deep.equal({
      ...REFERENCE,
      RTMR3: 'a3'.repeat(48),
      MRCONFIGID: '00'.repeat(48),
      MROWNER: '03'.repeat(48),
      MROWNERCONFIG: '00'.repeat(48),
      MRSEAM: '5e'.repeat(48),
      MRSIGNERSEAM: '00'.repeat(48),
    });
    expect(claims.attributes).to.include({
      td_attributes: '0000001000000000',
      xfam: 'e702060000000000',
      seam_attributes: '0000000000000000',
      pks: false,
      smt_enabled: true,
    });
    expect(claims.levels).to.include({ 'tee_tcb_svn.0': 5, 'tee_tcb_svn.1': 1, 'tee_tcb_svn.2': 2, pce_svn: 13 });
    expect(claims.levels).to.not.have.property('tee_tcb_svn_2.0');
    expect([claims.debug, claims.issuedAtMs, claims.nonce.length]).to.deep.equal([false, undefined, 0]);
  });

  it('of TDX 1.5 state the service TDs, and what the platform runs by now', async () => {
    const later = { teeTcbSvn2: Uint8Array.of(6, 1, 2), mrServiceTd: new Uint8Array(48).fill(4) };
    const claims = await claimsOf(later, 5);
    expect(claims.measurements['MRSERVICETD']).to.equal('04'.repeat(48));
    expect(claims.levels).to.include({ 'tee_tcb_svn.0': 5, 'tee_tcb_svn_2.0': 6 });
  });

  it('of a domain that was launched on an older module ask for a new launch', async () => {
    const later = { teeTcbSvn: Uint8Array.of(2, 1, 2), teeTcbSvn2: Uint8Array.of(5, 1, 2) };
    const claims = await claimsOf(later, 5);
    expect(claims.tcb).to.deep.equal({ status: 'TDRelaunchAdvised', advisories: ['INTEL-SA-01036'] });
    expect(codesUnder(claims)).to.deep.equal(['TCB_TD_RELAUNCH_ADVISED']);
  });

  it('of a module that Intel did not sign are refused by the verifier', async () => {
    const report = plainTd({ mrSignerSeam: new Uint8Array(48).fill(1), seamAttributes: Uint8Array.of(1) });
    const result = await verifyIntel(tdx, await quoteOf(tdx.machine, {}, { report }));
    expect(codesOf(result)).to.deep.equal(['TDX_MODULE_MRSIGNER_MISMATCH', 'TDX_MODULE_ATTRIBUTES_MISMATCH']);
  });

  it('of a production domain pass by firmware, configuration, kernel and command line', async () => {
    expect(codesUnder(await claimsOf())).to.deep.equal([]);
    for (const name of Object.keys(MEASUREMENTS)) {
      const altered = { ...REFERENCE, [name]: '00'.repeat(48) };
      expect(codesUnder(await claimsOf(), { measurements: altered }), name).to.deep.equal(['MEASUREMENT_MISMATCH']);
    }
  });

  it('cannot be accepted with any of these unnamed', async () => {
    const claims = await claimsOf();
    for (const left of Object.keys(MEASUREMENTS)) {
      const measurements = Object.fromEntries(Object.entries(REFERENCE).filter(([name]) => name !== left));
      expect(() => codesUnder(claims, { measurements }), left).to.throw('must state');
    }
  });

  it('of a domain under debug are refused as such, whichever bit of the group says so', async () => {
    for (let bit = 0; bit < 8; bit++) {
      const claims = await claimsOf(attributes(bit));
      expect([claims.debug, codesUnder(claims)], `bit ${bit}`).to.deep.equal([true, ['DEBUG_ENABLED']]);
    }
  });

  const demanded: Readonly<Record<string, readonly [Partial<TdReportBody>, AcceptedEnclave['attributes']]>> = {
    'a domain without SEPT_VE_DISABLE': [{ tdAttributes: new Uint8Array(8) }, { sept_ve_disable: false }],
    'a domain that can be migrated': [attributes(29), { migratable: true }],
    'a domain with an attribute of the security group that is unknown': [
      attributes(16),
      { unknown_td_attributes: true },
    ],
    'a domain with another attribute that is unknown': [attributes(62), { unknown_td_attributes: true }],
  };
  for (const [name, [fields, stated = {}]] of Object.entries(demanded)) {
    it(`of ${name} are refused unless a policy names it`, async () => {
      const claims = await claimsOf(fields);
      expect(codesUnder(claims)).to.deep.equal(['CLAIM_MISMATCH']);
      expect(codesUnder(claims, { attributes: stated })).to.deep.equal([]);
    });
  }

  it('leave other attributes to policy', async () => {
    const claims = await claimsOf(attributes(27, 30, 31, 63));
    expect(claims.attributes).to.include({ pks: true, kl: true, perfmon: true });
    expect(codesUnder(claims)).to.deep.equal([]);
    expect(codesUnder(claims, { attributes: { perfmon: false } })).to.deep.equal(['CLAIM_MISMATCH']);
  });
});
