import { expect } from 'chai';
import fc from 'fast-check';
import { BACKOFF, backoffMs, RETRY_AFTER_MS_MAX } from '#client/sdk/backoff.ts';
import { mayRejoin, reactionTo } from '#client/sdk/refusal-policy.ts';
import { REFUSAL_CODES, type RefusalCode } from '#shared/fault/codes.ts';

describe('back-off', () => {
  it('never waits longer than its bounds, nor shorter than it was asked to within them', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(3_600_000), unit, (failures, retryAfterMs, random) => {
        const delayMs = backoffMs(failures, retryAfterMs, () => random);
        expect(delayMs).to.be.at.least(Math.min(retryAfterMs, RETRY_AFTER_MS_MAX));
        expect(delayMs).to.be.at.most(RETRY_AFTER_MS_MAX + BACKOFF.maxMs);
      }),
    );
  });

  it('spreads over the whole span, which doubles up to its bound', () => {
    const spans = [0, 1, 2, 6, 7, 100].map((failures) => backoffMs(failures, 0, () => 1 - Number.EPSILON));
    expect(spans).to.deep.equal([499, 999, 1999, 29_999, 29_999, 29_999]);
    expect(backoffMs(5, 0, () => 0)).to.equal(0);
  });
});

describe('the reaction to a refusal', () => {
  const codes = Object.keys(REFUSAL_CODES) as RefusalCode[];

  it('is to seal anew what could not be opened or lost its chunks', () => {
    expect(codes.filter((code) => reactionTo(code) === 'seal-anew')).to.deep.equal([
      'UPDATE_REPLAYED',
      'UPDATE_REJECTED',
      'CHUNK_REPEATED',
      'CHUNK_MISSING',
      'CHUNK_FOREIGN',
      'CHUNK_MALFORMED',
    ]);
  });

  it('is to decline what its sender has to mend', () => {
    for (const code of ['UPDATE_NOT_FINITE', 'UPDATE_EXAMPLES_INVALID', 'UPDATE_LAYOUT_WRONG'] as const) {
      expect(reactionTo(code)).to.equal('decline');
    }
  });

  it('is to wait for the next opening when this one is over', () => {
    for (const code of ['ROUND_CLOSED', 'ROUND_WRONG', 'COHORT_EXCLUDED', 'UPDATE_BASE_WRONG'] as const) {
      expect(reactionTo(code)).to.equal('wait');
    }
  });

  it('never is to come back to an enclave that refuses who we are, and always after damaged frames', () => {
    for (const code of [
      'PARTICIPANT_UNKNOWN',
      'PARTICIPANT_SIGNATURE_INVALID',
      'SESSION_SUPERSEDED',
      'STUDY_UNKNOWN',
    ]) {
      expect(mayRejoin(code), code).to.equal(false);
    }
    for (const code of codes.filter((each) => each.startsWith('FRAME_'))) expect(mayRejoin(code), code).to.equal(true);
    for (const code of ['SERVER_BUSY', 'SERVER_STOPPING', 'A_CODE_OF_LATER_TIMES'])
      expect(mayRejoin(code)).to.equal(true);
  });
});
