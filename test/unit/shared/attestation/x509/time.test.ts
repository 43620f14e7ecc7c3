import { expect } from 'chai';
import fc from 'fast-check';
import { der, time } from '#infra/emulator/der.ts';
import { DerReader } from '#shared/attestation/der/reader.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { readTime, timeFromText, timeText } from '#shared/attestation/x509/time.ts';
import { utf8 } from '#shared/bytes/bytes.ts';

const UTC = 0x17;
const GENERALIZED = 0x18;
const read = (tag: number, text: string): number => readTime(new DerReader(der(tag, utf8(text)), 'test'));

describe('certificate time', () => {
  it('takes two-digit years from 50 on for the twentieth century', () => {
    expect(read(UTC, '491231235959Z')).to.equal(Date.parse('2049-12-31T23:59:59Z'));
    expect(read(UTC, '500101000000Z')).to.equal(Date.parse('1950-01-01T00:00:00Z'));
  });

  it('reads leap days where there are any', () => {
    expect(read(UTC, '240229000000Z')).to.equal(Date.parse('2024-02-29T00:00:00Z'));
    expect(read(GENERALIZED, '20000229000000Z')).to.equal(Date.parse('2000-02-29T00:00:00Z'));
    for (const text of ['230229000000Z', '250431000000Z'])
      expect(() => read(UTC, text)).to.throw(MalformedInput, 'calendar');
    expect(() => read(GENERALIZED, '21000229000000Z')).to.throw(MalformedInput, 'calendar');
  });

  it('reads the last time that there is, and a year far back', () => {
    expect(read(GENERALIZED, '99991231235959Z')).to.equal(Date.parse('9999-12-31T23:59:59Z'));
    expect(read(GENERALIZED, '00010101000000Z')).to.equal(Date.parse('0001-01-01T00:00:00Z'));
  });

  it('refuses what no clock shows', () => {
    const texts = [
      '240001000000Z',
      '241301000000Z',
      '240100000000Z',
      '240101240000Z',
      '240101006000Z',
      '240101000060Z',
    ];
    for (const text of texts) expect(() => read(UTC, text), text).to.throw(MalformedInput, 'calendar');
  });

  it('refuses other spellings', () => {
    for (const text of ['2401010000Z', '240101000000', '240101000000+0000', '24010100000aZ', '240101000000.5Z', '']) {
      expect(() => read(UTC, text), text).to.throw(MalformedInput, 'YYMMDDHHMMSSZ');
    }
    expect(() => read(GENERALIZED, '240101000000Z')).to.throw(MalformedInput);
    expect(() => read(0x13, '240101000000Z')).to.throw(MalformedInput, 'DER tag');
  });

  it('agrees with the platform calendar on any second, both ways', () => {
    const second = fc.integer({
      min: Date.parse('0001-01-01T00:00:00Z') / 1000,
      max: Date.parse('9999-12-31T23:59:59Z') / 1000,
    });
    fc.assert(
      fc.property(second, (seconds) => {
        const atMs = seconds * 1000;
        expect(readTime(new DerReader(time(atMs), 'test'))).to.equal(atMs);
        expect(timeText(atMs + 999)).to.equal(new Date(atMs).toISOString().replace('.000', ''));
        expect(timeFromText(timeText(atMs))).to.equal(atMs);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads no text but its own', () => {
    const texts = [
      '2024-02-30T00:00:00Z',
      '2024-01-01T24:00:00Z',
      '2024-01-01T00:00:00.0Z',
      '2024-01-01T00:00:00+00:00',
    ];
    for (const text of [...texts, '2024-01-01', '', ' 2024-01-01T00:00:00Z', '2024-01-01T00:00:00Z\n']) {
      expect(timeFromText(text), text).to.equal(undefined);
    }
  });

  it('shows times beyond any certificate', () => {
    expect(timeText(Number.MAX_SAFE_INTEGER)).to.match(/^287396-10-12T/);
  });
});
