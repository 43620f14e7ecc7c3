import { expect } from 'chai';
import { eventText } from '#client/participant/event-text.ts';

describe('the text of an event', () => {
  const attested = { kind: 'attested', ms: 12, platform: 'aws-nitro', measurements: {} } as const;
  const held = {
    kind: 'held',
    round: 3,
    release: 'ab',
    fetchMs: 1,
    verifyMs: 2,
    openMs: 3,
    bytes: 4,
    metrics: { loss: 0.25 },
    contributions: 2,
  } as const;

  it('says EMULATED of an emulated enclave and of what it released, and of no other', () => {
    expect(eventText({ ...attested, emulated: true })).to.include('EMULATED');
    expect(eventText({ ...held, emulated: true })).to.include('EMULATED');
    expect(eventText({ ...attested, emulated: false })).to.not.include('EMULATED');
    expect(eventText({ ...held, emulated: false })).to.not.include('EMULATED');
  });

  it('explains a refusal in words beside its code', () => {
    const text = eventText({ kind: 'refused', round: 1, attempt: 0, code: 'UPDATE_NOT_FINITE' });
    expect(text).to.equal('Round 1: refused with UPDATE_NOT_FINITE: an update that holds NaN or an infinity');
  });
});
