import { expect } from 'chai';
import { ByteReader } from '#shared/attestation/byte-reader.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';

describe('reader of binary structures', () => {
  it('reads one after the other', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4, 5, 6, 0xff, 0, 0, 9), 'test');
    expect([reader.u16(), reader.u32(), reader.take(1)[0]]).to.deep.equal([0x0201, 0x06050403, 0xff]);
    reader.zeros(2);
    expect(reader.offset).to.equal(9);
    expect(reader.rest()).to.deep.equal(Uint8Array.of(9));
    reader.end();
  });

  it('reads the fields of either order', () => {
    const bytes = Uint8Array.from({ length: 15 }, (_, index) => index + 1);
    const little = new ByteReader(bytes, 'test');
    expect([little.u8(), little.u16(), little.u32(), little.u64()]).to.deep.equal([
      1,
      0x0302,
      0x07060504,
      0x0f0e0d0c0b0a0908n,
    ]);
    const big = new ByteReader(bytes, 'test', 'big');
    expect([big.u8(), big.u16(), big.u32(), big.u64()]).to.deep.equal([1, 0x0203, 0x04050607, 0x08090a0b0c0d0e0fn]);
  });

  it('reads bytes behind their length, and refuses more than are allowed', () => {
    const counted = Uint8Array.of(0, 2, 8, 9, 1);
    const reader = new ByteReader(counted, 'test', 'big');
    expect(reader.counted('part', 2)).to.deep.equal(Uint8Array.of(8, 9));
    expect([reader.offset, reader.left]).to.deep.equal([4, 1]);
    const refused = new ByteReader(counted, 'test', 'big');
    expect(() => refused.counted('part', 1)).to.throw(MalformedInput, 'part of 2 bytes; at most 1');
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
