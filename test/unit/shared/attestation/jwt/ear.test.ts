import { expect } from 'chai';
import { type Json, newTokenKey, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { codes, NOW_MS, NOW_S, TIMES, verifyToken } from './service.ts';

const PLATFORM = 'eat-ear';
const EVIDENCE = 'ear.veraison.annotated-evidence';
const VECTOR = 'ear.trustworthiness-vector';
const appraisal = (more: Json = {}): Json => ({
  'ear.status': 'affirming',
  'ear.appraisal-policy-id': 'ours',
  [VECTOR]: { hardware: 2 },
  ...more,
});
const EAR: Json = {
  ...TIMES,
  eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
  'ear.verifier-id': { developer: 'https://confidentialcontainers.org', build: 'attestation-service 0.1.0' },
  submods: { cpu0: appraisal() },
};

describe('EAT attestation result', () => {
  let key: TokenKey;
  before(() => {
    key = newTokenKey('ES384');
  });

  async function claimsOf(payload: Json): Promise<Claims> {
    const result = await verifyToken(PLATFORM, key, payload);
    if (result.kind === 'refused') throw new Error(result.reasons.map(({ detail }) => detail).join());
    return result.claims;
  }
  const withSubmods = (...submods: readonly Json[]): Json => ({
    ...EAR,
    submods: Object.fromEntries(submods.map((submod, index) => [`cpu${index}`, submod])),
  });

  it('proves its claims under a pinned key', async () => {
    const claims = await claimsOf({ ...EAR, eat_nonce: ['n', 'm'] });
    expect(claims).to.deep.include({ measurements: {}, debug: false, levels: {}, tcb: undefined, nonce: utf8('n') });
    expect(claims.reportData).to.have.lengthOf(0);
    expect(claims.attributes).to.include({
      ear_status: 'affirming',
      appraisal_policy: 'ours',
      verifier_developer: 'https://confidentialcontainers.org',
      verifier_build: 'attestation-service 0.1.0',
      eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
      'submods.cpu0.ear.status': 'affirming',
      'submods.cpu0.ear.trustworthiness-vector.hardware': 2,
    });
  });

  it('has the worst status of its submodules, by word or by number', async () => {
    const statusOf = async (...values: readonly unknown[]): Promise<unknown> => {
      const submods = values.map((value) => appraisal({ 'ear.status': value }));
      return (await claimsOf(withSubmods(...submods))).attributes['ear_status'];
    };
    expect(await statusOf('affirming', 2)).to.equal('affirming');
    expect(await statusOf('affirming', 'warning')).to.equal('warning');
    expect(await statusOf(32, 'affirming')).to.equal('warning');
    expect(await statusOf('none', 'warning')).to.equal('none');
    expect(await statusOf(0)).to.equal('none');
    expect(await statusOf('affirming', 'contraindicated', 'none')).to.equal('contraindicated');
    expect(await statusOf(96)).to.equal('contraindicated');
  });

  it('is no better than the worst entry of a trustworthiness vector, whatever its status says', async () => {
    const statusOf = async (vector: Json, status = 'affirming'): Promise<unknown> => {
      const submod = appraisal({ 'ear.status': status, [VECTOR]: vector });
      return (await claimsOf(withSubmods(appraisal(), submod))).attributes['ear_status'];
    };
    // AR4SI section 2.3.2: the tiers, negative numbers included; -1, 0 and 1 make no claim.
    for (const value of [-32, -2, -1, 0, 1, 2, 31])
      expect(await statusOf({ executables: value })).to.equal('affirming');
    for (const value of [32, 95, -33, -96])
      expect(await statusOf({ hardware: 2, configuration: value })).to.equal('warning');
    for (const value of [96, 127, -97, -128])
      expect(await statusOf({ 'sourced-data': value })).to.equal('contraindicated');
    expect(await statusOf({ executables: 33, hardware: 97 })).to.equal('contraindicated');
    expect(await statusOf({ hardware: 2 }, 'warning')).to.equal('warning');
    expect(await statusOf({})).to.equal('affirming');
  });

  it('is in debug mode where a claim of it says so', async () => {
    for (const dbgstat of ['enabled', 'disabled?', true, null]) {
      expect((await claimsOf({ ...EAR, dbgstat })).debug, String(dbgstat)).to.equal(true);
      expect((await claimsOf(withSubmods(appraisal(), appraisal({ dbgstat })))).debug, String(dbgstat)).to.equal(true);
    }
    expect((await claimsOf({ ...EAR, dbgstat: 'disabled' })).debug).to.equal(false);
  });

  it('passes only when it affirms, unless a policy says otherwise', async () => {
    const claims = await claimsOf(withSubmods(appraisal(), appraisal({ 'ear.status': 'warning' })));
    const judged = (attributes: Json): readonly string[] => {
      const { name, platform, sha256, emulated } = { ...claims.root };
      const enclave = { name: 'ours', platform: PLATFORM, measurements: {}, attributes: Object(attributes) } as const;
      const roots = [{ kind: 'key', name, platform, sha256, emulated }] as const;
      return appraise(claims, [{ enclaves: [enclave], roots: [...roots] }], NOW_MS).map(({ code }) => code);
    };
    expect(judged({})).to.deep.equal(['CLAIM_MISMATCH']);
    expect(judged({ ear_status: 'warning' })).to.deep.equal([]);
    expect(judged({ ear_status: 'warning', appraisal_policy: 'theirs' })).to.deep.equal(['CLAIM_MISMATCH']);
  });

  it('states measurements and report data of annotated evidence', async () => {
    const body = { mr_td: '11'.repeat(48), rtmr_0: '22'.repeat(48), rtmr_3: 'no measurement' };
    const domain = appraisal({ [EVIDENCE]: { tdx: { quote: { body } }, report_data: 'ab'.repeat(64) } });
    const gpu = appraisal({ [EVIDENCE]: { nvidia: {} } });
    const claims = await claimsOf(withSubmods(domain, gpu));
    expect(claims.measurements).to.deep.equal({ MRTD: '11'.repeat(48), RTMR0: '22'.repeat(48) });
    expect(toHex(claims.reportData)).to.equal('ab'.repeat(64));
    const snp = appraisal({ [EVIDENCE]: { snp: { measurement: '33'.repeat(48) } } });
    expect((await claimsOf(withSubmods(snp))).measurements).to.deep.equal({ LAUNCH_MEASUREMENT: '33'.repeat(48) });
  });

  it("takes a trust domain's event log with its evidence, as Confidential Containers have it", async () => {
    // As long as those of a guest whose boot loader measures what it loads.
    const event = {
      type_name: 'EV_IPL',
      index: 2,
      digests: [{ alg: 'SHA-384', digest: '44'.repeat(48) }],
      event: 'A'.repeat(400),
    };
    const evidence = {
      tdx: { uefi_event_logs: Array.from({ length: 64 }, () => event) },
      report_data: 'ab'.repeat(64),
    };
    expect(toHex((await claimsOf(withSubmods(appraisal({ [EVIDENCE]: evidence })))).reportData)).to.equal(
      'ab'.repeat(64),
    );
  });

  it('states nothing on which its submodules contradict each other', async () => {
    const of = (digit: string, policy: string): Json =>
      appraisal({
        'ear.appraisal-policy-id': policy,
        [EVIDENCE]: { snp: { measurement: digit.repeat(96) }, report_data: digit.repeat(128) },
      });
    const claims = await claimsOf(withSubmods(of('1', 'a'), of('2', 'b')));
    expect(claims).to.deep.include({ measurements: {}, reportData: new Uint8Array(0) });
    expect(claims.attributes).to.not.have.property('appraisal_policy');
  });

  it('may be without an expiry, and is then as old as it says', async () => {
    const { exp: _exp, ...rest } = EAR;
    const claims = await claimsOf(rest);
    expect(claims.issuedAtMs).to.equal((NOW_S - 60) * 1000);
    expect(new Date(claims.validUntilMs).getUTCFullYear()).to.equal(9999);
  });

  const malformed: Readonly<Record<string, Json>> = {
    'no time of issue': { iat: undefined },
    'no profile': { eat_profile: undefined },
    'no verifier': { 'ear.verifier-id': undefined },
    'a verifier without a build': { 'ear.verifier-id': { developer: 'x' } },
    'no submodules': { submods: undefined },
    'an empty set of submodules': { submods: {} },
    'submodules in a list': { submods: [appraisal()] },
    'a submodule that is text': { submods: { cpu0: 'affirming' } },
    'a submodule without a status': { submods: { cpu0: {} } },
    'a status that is none': { submods: { cpu0: appraisal({ 'ear.status': 'fine' }) } },
    'a number that is no status': { submods: { cpu0: appraisal({ 'ear.status': 1 }) } },
    'a trustworthiness vector that is none': { submods: { cpu0: appraisal({ [VECTOR]: [2] }) } },
    'a word in its trustworthiness vector': { submods: { cpu0: appraisal({ [VECTOR]: { hardware: 'affirming' } }) } },
    'a fraction in its trustworthiness vector': { submods: { cpu0: appraisal({ [VECTOR]: { hardware: 2.5 } }) } },
    'a number that no trustworthiness vector has': { submods: { cpu0: appraisal({ [VECTOR]: { hardware: 128 } }) } },
    'one good submodule and one without a status': { submods: { cpu0: appraisal(), gpu0: {} } },
  };
  for (const [name, bend] of Object.entries(malformed)) {
    it(`is refused with ${name}`, async () => {
      expect(codes(await verifyToken(PLATFORM, key, { ...EAR, ...bend }))).to.deep.equal(['MALFORMED']);
    });
  }
});
