import { expect } from 'chai';
import { ByteReader } from '#shared/attestation/dcap/byte-reader.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';

describe('Reader of little-endian fields', () => {
  it('reads one after the other', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4, 5, 6, 0xff, 0, 0, 9), 'test');
    expect([reader.u16(), reader.u32(), reader.take(1)[0]]).to.deep.equal([0x0201, 0x06050403, 0xff]);
    reader.zeros(2);
    expect(reader.offset).to.equal(9);
    expect(reader.rest()).to.deep.equal(Uint8Array.of(9));
    reader.end();
  });

  it('reads numbers up to 2^32 - 1 as such', () => {
    expect(new ByteReader(new Uint8Array(4).fill(0xff), 'test').u32()).to.equal(0xffff_ffff);
  });

  it('refuses to read past the end, however much is asked for', () => {
    for (const count of [4, 0xffff_ffff]) {
      const reader = new ByteReader(new Uint8Array(3), 'test');
      expect(() => reader.take(count)).to.throw(MalformedInput, '3 left');
    }
    expect(() => new ByteReader(new Uint8Array(1), 'test').u16()).to.throw(MalformedInput);
    expect(() => new ByteReader(new Uint8Array(3), 'test').u32()).to.throw(MalformedInput);
  });

  it('refuses reserved bytes that are not zero', () => {
    const reader = new ByteReader(Uint8Array.of(0, 0, 1), 'test');
    expect(() => reader.zeros(3)).to.throw(MalformedInput, 'reserved');
  });

  it('refuses bytes that nobody read', () => {
    expect(() => new ByteReader(new Uint8Array(2), 'test').end()).to.throw(MalformedInput, '2 bytes left over');
  });
});
