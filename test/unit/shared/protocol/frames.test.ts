import { expect } from 'chai';
import fc from 'fast-check';
import { concat } from '#shared/bytes/bytes.ts';
import { chunkFrame, decodeFrame, FRAME_KIND, joinFrame, plainFrame, sealedHeader } from '#shared/protocol/frames.ts';
import { FRAME_BYTES_MAX, LIMITS } from '#shared/protocol/limits.ts';

/** Shortest and longest frame of each kind, first byte included (docs/protocol.md section 3). */
const BOUNDS = {
  hello: [2, 2048],
  attest: [2, 196_608],
  join: [1 + 1120 + 16 + 1, 196_608],
  sealed: [9 + 16 + 1, 65_536],
  chunk: [21 + 16 + 1, 21 + 1_048_576 + 16],
  close: [2, 256],
} as const;

function frameOf(kind: keyof typeof FRAME_KIND, length: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame[0] = FRAME_KIND[kind];
  return frame;
}

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });

describe('frames', () => {
  for (const kind of Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]) {
    const [min, max] = BOUNDS[kind];
    it(`of kind ${kind} have ${min} to ${max} bytes and not one more or less`, () => {
      expect(decodeFrame(frameOf(kind, min))?.kind).to.equal(kind);
      expect(decodeFrame(frameOf(kind, max))?.kind).to.equal(kind);
      expect(decodeFrame(frameOf(kind, min - 1))).to.equal(undefined);
      expect(decodeFrame(frameOf(kind, max + 1))).to.equal(undefined);
    });
  }

  it('of every other kind are refused', () => {
    const known: readonly number[] = Object.values(FRAME_KIND);
    for (let kind = 0; kind < 256; kind++) {
      const frame = concat(Uint8Array.of(kind), new Uint8Array(2000));
      const expected = known.includes(kind) && kind !== FRAME_KIND.close;
      expect(decodeFrame(frame) !== undefined, `kind ${kind}`).to.equal(expected);
    }
  });

  it('that are empty are refused', () => {
    expect(decodeFrame(new Uint8Array())).to.equal(undefined);
  });

  it('fit the longest that anybody may send', () => {
    expect(Math.max(...Object.values(BOUNDS).map(([, max]) => max))).to.equal(FRAME_BYTES_MAX);
    expect(LIMITS.chunkBytesMax).to.equal(1_048_576);
  });

  it('with a sequence beyond what counts exactly are refused', () => {
    const frame = concat(sealedHeader(0), new Uint8Array(17));
    frame.fill(0xff, 1, 9);
    expect(decodeFrame(frame)).to.equal(undefined);
    new DataView(frame.buffer).setBigUint64(1, BigInt(Number.MAX_SAFE_INTEGER));
    expect(decodeFrame(frame)).to.include({ sequence: Number.MAX_SAFE_INTEGER });
  });

  it('split into what they were made of', () => {
    fc.assert(
      fc.property(bytes(16, 16), fc.nat(0xffffffff), bytes(17, 300), (updateId, index, sealed) => {
        expect(decodeFrame(chunkFrame(updateId, index, sealed))).to.deep.equal({
          kind: 'chunk',
          updateId,
          index,
          sealed,
        });
      }),
    );
    fc.assert(
      fc.property(bytes(1120, 1120), bytes(17, 300), (encapsulated, sealed) => {
        expect(decodeFrame(joinFrame(encapsulated, sealed))).to.deep.equal({ kind: 'join', encapsulated, sealed });
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeNat(), bytes(17, 300), (sequence, sealed) => {
        const header = sealedHeader(sequence);
        const frame = decodeFrame(concat(header, sealed));
        expect(frame).to.deep.equal({ kind: 'sealed', header, sequence, sealed });
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom('hello', 'attest', 'close'), bytes(1, 255), (kind, body) => {
        expect(decodeFrame(plainFrame(kind, body))).to.deep.equal({ kind, body });
      }),
    );
  });

  it('of arbitrary bytes never throw', () => {
    fc.assert(fc.property(bytes(0, 3000), (message) => void decodeFrame(message)));
  });
});
