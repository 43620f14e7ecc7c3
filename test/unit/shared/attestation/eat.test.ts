import { expect } from 'chai';
import type { Claims } from '#shared/attestation/claims.ts';
import { EAT_PROFILE, eatOf } from '#shared/attestation/eat.ts';
import { AWS_NITRO_ROOT } from '#shared/attestation/nitro/anchors.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';

const CLAIMS: Claims = {
  platform: 'aws-nitro',
  measurements: { PCR0: 'ab' },
  debug: false,
  attributes: { vmpl: 0 },
  levels: { 'tcb.snp': 20 },
  tcb: { status: 'OutOfDate', advisories: ['INTEL-SA-00837'] },
  concerns: [{ code: 'CRL_MISSING', detail: 'no list' }],
  reportData: Uint8Array.of(1),
  nonce: Uint8Array.of(2),
  issuedAtMs: 1_700_000_000_999,
  validFromMs: 1_600_000_000_000,
  validUntilMs: 1_800_000_000_000,
  root: AWS_NITRO_ROOT,
  checks: ['a check'],
  details: { moduleId: 'i-1' },
};

describe('claims set of an attestation result', () => {
  it('speaks the words of RFC 9711 where it has them', () => {
    expect(eatOf(CLAIMS)).to.deep.include({
      eat_profile: EAT_PROFILE,
      eat_nonce: '02',
      iat: 1_700_000_000,
      nbf: 1_600_000_000,
      exp: 1_800_000_000,
      dbgstat: 'disabled',
      hwmodel: 'AWS Nitro Enclaves',
      measurements: { PCR0: 'ab' },
    });
  });

  it('says what was checked, what was not, and on which root it rests', () => {
    expect(eatOf(CLAIMS)['cloister']).to.deep.include({
      platform: 'aws-nitro',
      report_data: '01',
      tcb_status: 'OutOfDate',
      advisories: ['INTEL-SA-00837'],
      concerns: [{ code: 'CRL_MISSING', detail: 'no list' }],
      checked: ['a check'],
      root: {
        name: AWS_NITRO_ROOT.name,
        platform: 'aws-nitro',
        sha256: AWS_NITRO_ROOT.sha256,
        emulated: false,
      },
    });
  });

  it('leaves out what evidence does not state, and says that debugging is enabled', () => {
    const silent = eatOf({ ...CLAIMS, debug: true, nonce: EMPTY, issuedAtMs: undefined, tcb: undefined });
    expect(silent).to.not.have.any.keys('eat_nonce', 'iat');
    expect(silent['dbgstat']).to.equal('enabled');
    expect(silent['cloister']).to.not.have.any.keys('tcb_status', 'advisories');
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(eatOf(CLAIMS)))).to.deep.equal(eatOf(CLAIMS));
  });
});
