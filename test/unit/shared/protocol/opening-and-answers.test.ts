import { expect } from 'chai';
import fc from 'fast-check';
import { utf8 } from '#shared/bytes/bytes.ts';
import { encodeMsgpack } from '#shared/codec/msgpack.ts';
import { decodeReceipt, decodeRefusal, encodeReceipt, encodeRefusal } from '#shared/protocol/answers.ts';
import { decodeRoundOpening, encodeRoundOpening, type RoundOpening } from '#shared/protocol/opening.ts';

const OPENING: RoundOpening = {
  manifestDigest: new Uint8Array(32).fill(1),
  round: 3,
  attempt: 1,
  kem: 0x647a,
  roundKey: new Uint8Array(1216).fill(2),
  baseRelease: new Uint8Array(32).fill(3),
  layoutDigest: new Uint8Array(32).fill(4),
  chunkBytes: 65_536,
  remainingMs: 5000,
};

describe('round openings', () => {
  it('come back as they were', () => {
    expect(decodeRoundOpening(encodeRoundOpening(OPENING))).to.deep.equal(OPENING);
  });

  it('with a chunk size that is too small, too large or cuts a value in two are refused', () => {
    for (const chunkBytes of [0, 1020, 1_048_580, 65_537, -4]) {
      expect(decodeRoundOpening(encodeMsgpack({ ...OPENING, chunkBytes })), `${chunkBytes}`).to.equal(undefined);
    }
  });

  it('with a key too many, a missing key or a key of a wrong length are refused', () => {
    const { remainingMs, ...rest } = OPENING;
    const bad = [{ ...OPENING, extra: remainingMs }, rest, { ...OPENING, roundKey: new Uint8Array(1215) }];
    for (const each of bad) expect(decodeRoundOpening(encodeMsgpack(each))).to.equal(undefined);
  });
});

describe('receipts and refusals', () => {
  const subject = fc.record({
    manifestDigest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    round: fc.nat(0xffffffff),
    attempt: fc.nat(0xffffffff),
    participant: fc.stringMatching(/^[a-z0-9-]{1,32}$/),
    updateId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  });

  it('come back as they were, and neither passes for the other', () => {
    fc.assert(
      fc.property(subject, fc.uint8Array({ minLength: 32, maxLength: 32 }), (about, digest) => {
        const receipt = encodeReceipt(about, digest);
        const refusal = encodeRefusal(about, 'UPDATE_REJECTED', 'could not be opened');
        expect(decodeReceipt(receipt)).to.include({
          kind: 'receipt',
          round: about.round,
          participant: about.participant,
        });
        expect(decodeRefusal(refusal)).to.include({ kind: 'refusal', code: 'UPDATE_REJECTED' });
        expect(decodeRefusal(receipt)).to.equal(undefined);
        expect(decodeReceipt(refusal)).to.equal(undefined);
      }),
    );
  });

  it('with a key too many or hex in upper case are refused', () => {
    const about = {
      manifestDigest: new Uint8Array(32).fill(0xab),
      round: 1,
      attempt: 0,
      participant: 'mary',
      updateId: new Uint8Array(16),
    };
    const text = Buffer.from(encodeReceipt(about, new Uint8Array(32))).toString();
    expect(decodeReceipt(utf8(text.replace('{', '{"extra":1,')))).to.equal(undefined);
    expect(decodeReceipt(utf8(text.replace('abab', 'ABAB')))).to.equal(undefined);
    expect(decodeReceipt(utf8(text))).to.not.equal(undefined);
  });
});
