import { expect } from 'chai';
import { draftPolicy } from '#client/evidence/draft-policy.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import { AMD_ROOTS } from '#shared/attestation/sev-snp/anchors.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';

const AT_MS = Date.parse('2026-11-20T12:00:00Z');
const [AMD] = AMD_ROOTS;
if (AMD === undefined) throw new Error('AMD has roots');
const UNVOUCHED = { kind: 'key', platform: 'tpm-quote', sha256: 'ee'.repeat(32) } as const;
const COMMON = {
  debug: false,
  attributes: {},
  levels: {},
  tcb: undefined,
  concerns: [],
  reportData: EMPTY,
  nonce: EMPTY,
  issuedAtMs: undefined,
  validFromMs: AT_MS,
  validUntilMs: AT_MS,
  checks: [],
  details: {},
};
const ZERO = '00'.repeat(32);
const TPM: Claims = {
  ...COMMON,
  platform: 'tpm-quote',
  measurements: { PCR0: 'a0'.repeat(32), PCR2: ZERO, PCR4: 'a4'.repeat(32), PCR7: 'a7'.repeat(32), PCR23: ZERO },
  root: { name: 'unknown', platform: 'tpm-quote', sha256: UNVOUCHED.sha256, emulated: true },
};
const SNP: Claims = {
  ...COMMON,
  platform: 'amd-sev-snp',
  measurements: { MEASUREMENT: 'ab'.repeat(48), ID_KEY_DIGEST: 'cd'.repeat(48) },
  attributes: { vmpl: 1, smt_allowed: true, migration_agent: false },
  levels: { 'tcb.bootloader': 3, 'tcb.tee': 0, 'tcb.snp': 21, 'tcb.microcode': 209, guest_svn: 4 },
  root: AMD,
};
const DRAFT = { name: 'our server', measurements: [], emulated: false };

describe('a drafted policy', () => {
  it('accepts the evidence that it was drafted from', () => {
    expect(appraise(TPM, [draftPolicy(TPM, UNVOUCHED, DRAFT)], AT_MS)).to.deep.equal([]);
    expect(appraise(SNP, [draftPolicy(SNP, undefined, DRAFT)], AT_MS)).to.deep.equal([]);
  });

  it('states what is usual on the platform and was measured, and the key that nobody else vouches for', () => {
    expect(draftPolicy(TPM, UNVOUCHED, DRAFT)).to.deep.equal({
      enclaves: [
        {
          name: 'our server',
          platform: 'tpm-quote',
          measurements: { PCR0: 'a0'.repeat(32), PCR4: 'a4'.repeat(32), PCR7: 'a7'.repeat(32) },
        },
      ],
      roots: [{ ...UNVOUCHED, name: 'our server', emulated: false }],
    });
  });

  it('states the versions that the platform demands, and an attribute that is not at its default', () => {
    const [enclave] = draftPolicy(SNP, undefined, DRAFT).enclaves;
    expect(enclave?.minimums).to.deep.equal({
      'tcb.bootloader': 3,
      'tcb.tee': 0,
      'tcb.snp': 21,
      'tcb.microcode': 209,
    });
    expect(enclave?.attributes).to.deep.equal({ vmpl: 1 });
    expect(enclave?.measurements).to.have.all.keys('MEASUREMENT');
  });

  it('states the measurements that are asked for', () => {
    const measurements = ['PCR4', 'PCR23'];
    const [enclave] = draftPolicy(TPM, UNVOUCHED, { ...DRAFT, measurements }).enclaves;
    expect(enclave?.measurements).to.have.all.keys('PCR4', 'PCR23');
  });

  it('is refused with a measurement that the evidence does not show', () => {
    expect(() => draftPolicy(TPM, UNVOUCHED, { ...DRAFT, measurements: ['PCR99'] })).to.throw('found PCR99');
  });

  it('is refused where nothing was measured', () => {
    const empty = { ...TPM, measurements: { PCR0: ZERO, PCR4: ZERO, PCR17: 'ff'.repeat(32) } };
    expect(() => draftPolicy(empty, UNVOUCHED, DRAFT)).to.throw('nothing that would single out');
  });
});
