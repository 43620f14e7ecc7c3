import { expect } from 'chai';
import { hasOtherBits, isBitSet } from '#shared/attestation/dcap/bits.ts';

const FIELD = Uint8Array.of(0x01, 0x80);

describe('Bits of a little-endian field', () => {
  it('are numbered from the lowest of the first byte on', () => {
    const set = Array.from({ length: 24 }, (_, bit) => bit).filter((bit) => isBitSet(FIELD, bit));
    expect(set).to.deep.equal([0, 15]);
  });

  it('are told from those that are known', () => {
    expect(hasOtherBits(FIELD, [0, 15])).to.equal(false);
    expect(hasOtherBits(FIELD, [0, 7, 14])).to.equal(true);
    expect(hasOtherBits(FIELD, [15])).to.equal(true);
    expect(hasOtherBits(new Uint8Array(2), [])).to.equal(false);
    expect(hasOtherBits(Uint8Array.of(1), [0, 15])).to.equal(false);
  });
});
