import { expect } from 'chai';
import { der, oid } from '#infra/emulator/der.ts';
import { DerReader, TAG } from '#shared/attestation/der/reader.ts';
import {
  oidText,
  readBoolean,
  readNamedBits,
  readOctetsOfBitString,
  readOid,
  readSmallInteger,
  readUnsignedInteger,
} from '#shared/attestation/der/values.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { concat, fromHex, toHex } from '#shared/bytes/bytes.ts';

const over = (hex: string): DerReader => new DerReader(fromHex(hex) ?? new Uint8Array(0), 'test');

describe('DER reader', () => {
  it('reads elements one after the other, as views', () => {
    const reader = over('0201050401ff');
    expect(reader.peek).to.equal(TAG.integer);
    expect(toHex(reader.next().encoding)).to.equal('020105');
    expect(reader.optional(TAG.oid)).to.equal(undefined);
    expect(toHex(reader.optional(TAG.octetString)?.content ?? new Uint8Array(0))).to.equal('ff');
    reader.end();
    expect(reader.peek).to.equal(undefined);
  });

  it('reads lengths of one to three octets', () => {
    for (const length of [0x7f, 0x80, 0xff, 0x100, 0xffff]) {
      expect(new DerReader(der(0x04, new Uint8Array(length)), 'test').next().content).to.have.lengthOf(length);
    }
    const long = concat(fromHex('0483010000') ?? new Uint8Array(0), new Uint8Array(65_536));
    expect(new DerReader(long, 'test').next().content).to.have.lengthOf(65_536);
  });

  const refused: Readonly<Record<string, readonly [string, string]>> = {
    'an empty input': ['', 'ends early'],
    'a tag without a length': ['04', 'ends early'],
    'a multi-byte tag': ['1f8100', 'multi-byte'],
    'an indefinite length': ['30800000', 'length of 0'],
    'a length of four octets': ['048400000001ff', 'length of 4'],
    'a length that is not shortest': ['048101ff', 'shortest'],
    'a length with a leading zero': ['04820080', 'shortest'],
    'a length cut short': ['0482', 'ends early'],
    'content cut short': ['0402ff', 'past its end'],
  };
  for (const [name, [hex, detail]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      expect(() => over(hex).next()).to.throw(MalformedInput, detail);
    });
  }

  it('refuses another tag than expected, and bytes left over', () => {
    expect(() => over('020105').expect(TAG.oid)).to.throw(MalformedInput, 'not 0x6');
    expect(() => over('020105').end()).to.throw(MalformedInput, '3 bytes left over');
    expect(() => over('3003020105').enter(TAG.sequence, 'inner').end()).to.throw(MalformedInput, 'inner: 3 bytes');
  });
});

describe('DER values', () => {
  it('reads object identifiers', () => {
    for (const text of ['1.2.840.10045.4.3.3', '2.5.29.19', '0.9', '2.999.1']) {
      expect(readOid(new DerReader(oid(text), 'test'))).to.equal(text);
    }
  });

  it('refuses object identifiers that are empty, padded, cut or too large', () => {
    for (const hex of ['', '2a8001', '2a86', '2affffffffffffffff7f']) {
      expect(() => oidText(fromHex(hex) ?? new Uint8Array(0)), hex).to.throw(MalformedInput, 'object identifier');
    }
  });

  it('reads booleans and refuses BER spellings', () => {
    expect([readBoolean(over('0101ff')), readBoolean(over('010100'))]).to.deep.equal([true, false]);
    for (const hex of ['010101', '0100', '0102ffff'])
      expect(() => readBoolean(over(hex))).to.throw(MalformedInput, 'BOOLEAN');
  });

  it('reads unsigned integers and refuses empty, negative, padded and large ones', () => {
    expect(toHex(readUnsignedInteger(over('02020080')))).to.equal('0080');
    expect([readSmallInteger(over('020100')), readSmallInteger(over('020200ff'))]).to.deep.equal([0, 255]);
    for (const hex of ['0200', '020180', '02020001'])
      expect(() => readUnsignedInteger(over(hex)), hex).to.throw(MalformedInput, 'INTEGER');
    expect(() => readSmallInteger(over('02020100'))).to.throw(MalformedInput, 'above 255');
  });

  it('reads bit strings of whole octets only', () => {
    expect(toHex(readOctetsOfBitString(over('030200ab')))).to.equal('ab');
    for (const hex of ['0300', '030201aa'])
      expect(() => readOctetsOfBitString(over(hex))).to.throw(MalformedInput, 'BIT STRING');
  });

  it('reads named bits, absent ones as unset', () => {
    const isSet = readNamedBits(over('03020284'));
    expect([0, 1, 5, 6, 8].map(isSet)).to.deep.equal([true, false, true, false, false]);
    expect(readNamedBits(over('030100'))(0)).to.equal(false);
  });

  it('refuses named bits with a bad count of unused bits, or with unused bits set', () => {
    for (const hex of ['0300', '030208ff', '030101', '03020281']) {
      expect(() => readNamedBits(over(hex)), hex).to.throw(MalformedInput, 'BIT STRING');
    }
  });
});
