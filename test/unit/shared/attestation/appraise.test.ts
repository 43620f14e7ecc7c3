import { expect } from 'chai';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import { AWS_NITRO_ROOT } from '#shared/attestation/nitro/anchors.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';

const AT_MS = Date.parse('2026-11-20T12:00:00Z');
const PCR0 = 'ab'.repeat(48);
const OTHER = 'cd'.repeat(48);
const EMULATOR = { name: 'emulator', platform: 'aws-nitro', sha256: 'ef'.repeat(32), emulated: true } as const;
const CLAIMS: Claims = {
  platform: 'aws-nitro',
  measurements: { PCR0, PCR1: PCR0 },
  debug: false,
  attributes: {},
  levels: {},
  tcb: undefined,
  concerns: [],
  checks: [],
  reportData: EMPTY,
  nonce: EMPTY,
  issuedAtMs: AT_MS,
  validFromMs: AT_MS,
  validUntilMs: AT_MS,
  root: AWS_NITRO_ROOT,
  details: {},
};
const POLICY = policyOf({ PCR0 });

describe('appraisal', () => {
  it('passes claims that meet the policy', () => {
    expect(appraise(CLAIMS, [POLICY], AT_MS)).to.deep.equal([]);
    expect(appraise(CLAIMS, [POLICY, policyOf({ PCR0, PCR1: PCR0 })], AT_MS)).to.deep.equal([]);
  });

  it('refuses everything without a policy', () => {
    expect(codes(appraise(CLAIMS, [], AT_MS))).to.deep.equal(['POLICY_MISSING']);
  });

  it('refuses other code, and says what was found and wanted', () => {
    const [reason, ...others] = appraise(CLAIMS, [policyOf({ PCR0: OTHER })], AT_MS);
    expect(others).to.deep.equal([]);
    expect(reason).to.deep.equal({
      code: 'MEASUREMENT_MISMATCH',
      detail: 'PCR0 is not that of aggregator in the policy',
      found: PCR0,
      wanted: OTHER,
    });
  });

  it('refuses a measurement that the document does not show', () => {
    const [reason] = appraise(CLAIMS, [policyOf({ PCR0, PCR8: OTHER })], AT_MS);
    expect(reason).to.include({ code: 'MEASUREMENT_MISMATCH', found: 'absent' });
  });

  it('takes any one of several enclaves, and reports the nearest when none fits', () => {
    const [far, near] = [POLICY, policyOf({ PCR0, PCR1: OTHER })];
    const [farEnclave] = policyOf({ PCR0: OTHER, PCR1: OTHER }).enclaves;
    const enclaves = [...(farEnclave === undefined ? [] : [farEnclave]), ...near.enclaves];
    expect(appraise(CLAIMS, [{ enclaves: [...enclaves, ...far.enclaves] }], AT_MS)).to.deep.equal([]);
    const reasons = appraise(CLAIMS, [{ enclaves }], AT_MS);
    expect(reasons).to.have.lengthOf(1);
    expect(reasons[0]?.detail).to.include('PCR1');
  });

  it('does not mix the measurements of two enclaves', () => {
    const enclaves = [...policyOf({ PCR0, PCR1: OTHER }).enclaves, ...policyOf({ PCR0: OTHER, PCR1: PCR0 }).enclaves];
    expect(codes(appraise(CLAIMS, [{ enclaves }], AT_MS))).to.deep.equal(['MEASUREMENT_MISMATCH']);
  });

  it('refuses a platform of which the policy names no enclave', () => {
    expect(codes(appraise(CLAIMS, [{ ...POLICY, enclaves: [] }], AT_MS))).to.deep.equal(['PLATFORM_NOT_ACCEPTED']);
  });

  it('wants every policy to hold, and says which did not', () => {
    const reasons = appraise(CLAIMS, [POLICY, policyOf({ PCR0: OTHER })], AT_MS);
    expect(codes(reasons)).to.deep.equal(['MEASUREMENT_MISMATCH']);
    expect(reasons[0]?.detail).to.include('policy 2 of 2');
  });

  it('refuses debug unless every policy allows it', () => {
    const claims = { ...CLAIMS, debug: true };
    const allowing: AppraisalPolicy = { ...POLICY, debug: 'allow' };
    expect(codes(appraise(claims, [POLICY], AT_MS))).to.deep.equal(['DEBUG_ENABLED']);
    expect(codes(appraise(claims, [{ ...POLICY, debug: 'refuse' }, allowing], AT_MS))).to.deep.equal(['DEBUG_ENABLED']);
    expect(appraise(claims, [allowing, allowing], AT_MS)).to.deep.equal([]);
  });

  it('refuses an emulated root unless every policy names it', () => {
    const claims = { ...CLAIMS, root: EMULATOR };
    const naming: AppraisalPolicy = { ...POLICY, roots: [EMULATOR] };
    expect(appraise(claims, [naming, naming], AT_MS)).to.deep.equal([]);
    const reasons = appraise(claims, [naming, POLICY], AT_MS);
    expect(codes(reasons)).to.deep.equal(['CHAIN_UNTRUSTED_ROOT']);
    expect(reasons[0]?.detail).to.include('policy 2 of 2');
  });

  it('refuses evidence one millisecond older than the policy allows', () => {
    const policy: AppraisalPolicy = { ...POLICY, maximumAgeSeconds: 60 };
    expect(appraise(CLAIMS, [policy], AT_MS + 60_000)).to.deep.equal([]);
    expect(codes(appraise(CLAIMS, [policy], AT_MS + 60_001))).to.deep.equal(['EVIDENCE_TOO_OLD']);
    expect(appraise(CLAIMS, [POLICY], AT_MS + 3_600_000)).to.deep.equal([]);
    expect(codes(appraise(CLAIMS, [POLICY], AT_MS + 3_600_001))).to.deep.equal(['EVIDENCE_TOO_OLD']);
  });

  it('refuses evidence from more than five minutes ahead', () => {
    expect(appraise(CLAIMS, [POLICY], AT_MS - 300_000)).to.deep.equal([]);
    expect(codes(appraise(CLAIMS, [POLICY], AT_MS - 300_001))).to.deep.equal(['EVIDENCE_FROM_FUTURE']);
  });

  it('stops at a time that is no time, which is our bug', () => {
    expect(() => appraise(CLAIMS, [POLICY], Number.NaN)).to.throw('whole number');
  });
});

function policyOf(measurements: Readonly<Record<string, string>>): AppraisalPolicy {
  return { enclaves: [{ name: 'aggregator', platform: 'aws-nitro', measurements }] };
}

function codes(reasons: readonly { readonly code: string }[]): readonly string[] {
  return reasons.map(({ code }) => code);
}
