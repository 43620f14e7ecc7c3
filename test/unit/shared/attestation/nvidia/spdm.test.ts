import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import {
  measurementBlock,
  mintReport,
  type ReportContents,
  type ReportDefects,
} from '#infra/emulator/nvidia/report.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { readDeviceFacts } from '#shared/attestation/nvidia/opaque.ts';
import { parseSpdmReport, REPORT_BYTES_MAX, type SpdmReport } from '#shared/attestation/nvidia/spdm.ts';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { CONTENTS, FIRMWARE } from './gpu.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const DIGEST = new Uint8Array(48);

function parse(defects: ReportDefects = {}, contents: Partial<ReportContents> = {}): SpdmReport {
  return parseSpdmReport(mintReport(privateKey, { ...CONTENTS, ...contents }, defects));
}

/** Sets one byte. */
function at(offset: number, value: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => bytes.map((byte, index) => (index === offset ? value : byte));
}

describe('SPDM report', () => {
  it('is read field by field', () => {
    const report = parse();
    expect(report).to.deep.include({
      version: 0x11,
      requestCode: 0xe0,
      responseCode: 0x60,
      slot: 0,
      requestNonce: CONTENTS.requestNonce,
      responseNonce: CONTENTS.responseNonce,
      recordBytes: 3 * 55,
    });
    expect(report.measurements).to.deep.equal(
      [1, 2, 64].map((index) => ({ index, type: 1, isDigest: true, value: new Uint8Array(48).fill(index) })),
    );
    expect(readDeviceFacts(report.opaque).firmwareId).to.deep.equal(FIRMWARE);
  });

  it('may hold what was measured as it is, of any length', () => {
    const raw = measurementBlock(64, utf8('manifest'), 0x84);
    const contents = { measurements: new Map([[1, DIGEST]]) };
    const header = (bytes: Uint8Array): Uint8Array => at(4, 2)(bytes);
    const report = parse({ rewriteRecord: (record) => concat(record, raw), rewriteHeader: header }, contents);
    expect(report.measurements[1]).to.deep.equal({ index: 64, type: 4, isDigest: false, value: utf8('manifest') });
  });

  it('takes reserved fields as they are, for they are signed', () => {
    expect(parse({ rewriteHeader: at(2, 7) }).slot).to.equal(0);
    expect(parse({ rewriteHeader: at(3, 0xf0) }).slot).to.equal(0);
    const slot3 = { rewriteRequest: at(36, 3), rewriteHeader: at(3, 3) };
    expect(parse(slot3).slot).to.equal(3);
  });

  it('may have no measurements and no opaque data', () => {
    const report = parse({}, { measurements: new Map(), opaque: [] });
    expect(report).to.deep.include({ measurements: [], recordBytes: 0 });
    expect(report.opaque).to.have.lengthOf(0);
  });

  const two = new Map([
    [1, DIGEST],
    [2, DIGEST],
  ]);
  const refused: Readonly<Record<string, readonly [ReportDefects, string]>> = {
    'another version in the request': [{ rewriteRequest: at(0, 0x12) }, 'version byte 18'],
    'another version in the response': [{ rewriteHeader: at(0, 0x10) }, 'another version than its request'],
    'another request': [{ rewriteRequest: at(1, 0x81) }, 'request with code'],
    'another response': [{ rewriteHeader: at(1, 0x7f) }, 'response with code'],
    'a request for no signature': [{ rewriteRequest: at(2, 0) }, 'no signature'],
    'a request for a count': [{ rewriteRequest: at(3, 0) }, 'no measurements'],
    'a slot that there is not': [{ rewriteRequest: at(36, 8) }, 'slot 8'],
    'two slots': [{ rewriteHeader: at(3, 1) }, 'another slot'],
    'more blocks announced than there are': [{ rewriteHeader: at(4, 3) }, 'bytes wanted'],
    'fewer blocks announced than there are': [{ rewriteHeader: at(4, 1) }, 'left over'],
    'a record announced longer than the report': [{ rewriteHeader: at(7, 1) }, 'bytes wanted'],
    'an index of zero': [{ rewriteRecord: at(0, 0) }, 'index 0'],
    'the index that means all': [{ rewriteRecord: at(0, 0xff) }, 'index 255'],
    'an index twice': [{ rewriteRecord: at(0, 2) }, 'given twice'],
    'another form of measurement': [{ rewriteRecord: at(1, 2) }, 'form'],
    'sizes that differ': [{ rewriteRecord: at(2, 50) }, 'sizes differ'],
    'a digest of another length': [{ rewriteRecord: () => measurementBlock(1, new Uint8Array(32)) }, 'digest of 32'],
    'a block that does not fit': [{ rewriteRecord: (record) => record.subarray(0, 100) }, 'bytes wanted'],
  };
  for (const [name, [defects, detail]] of Object.entries(refused)) {
    it(`is refused with ${name}`, () => {
      expect(() => parse(defects, { measurements: two })).to.throw(MalformedInput, detail);
    });
  }

  it('is refused cut anywhere, and with a byte behind it', () => {
    const whole = mintReport(privateKey, CONTENTS);
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseSpdmReport(whole.subarray(0, length)), `${length}`).to.throw(MalformedInput);
    }
    expect(() => parseSpdmReport(concat(whole, Uint8Array.of(0))))
      .to.throw(MalformedInput)
      .with.property('code', 'TRAILING_DATA');
  });

  it('is refused larger than any device writes', () => {
    expect(() => parseSpdmReport(new Uint8Array(REPORT_BYTES_MAX + 1))).to.throw(MalformedInput, 'at most');
  });
});

describe('opaque data', () => {
  const facts = (...fields: ReportContents['opaque']) => readDeviceFacts(parse({}, { opaque: fields }).opaque);

  it('tell versions and mode', () => {
    expect(readDeviceFacts(parse().opaque)).to.deep.equal({
      vbiosVersion: '96.00.A5.00.01',
      driverVersion: '590.12',
      firmwareId: FIRMWARE,
      protectedPcie: false,
    });
    expect(facts([6, utf8('96.10.55.00.01')], [21, Uint8Array.of(0xaa)])).to.include({
      vbiosVersion: '96.10.55.00.01',
      protectedPcie: true,
    });
  });

  it('tell nothing where they are not fields', () => {
    const nothing = {
      vbiosVersion: undefined,
      driverVersion: undefined,
      firmwareId: undefined,
      protectedPcie: undefined,
    };
    expect(readDeviceFacts(utf8('NVDAOD another format'))).to.deep.equal(nothing);
    expect(readDeviceFacts(new Uint8Array(3))).to.deep.equal(nothing);
    expect(facts([3, utf8('590.12')], [3, utf8('590.13')])).to.deep.equal(nothing);
    expect(facts()).to.deep.equal(nothing);
  });

  it('tell no text that is none', () => {
    expect(facts([3, utf8('590\u001b[2J')], [6, new Uint8Array(9)])).to.include({
      driverVersion: undefined,
      vbiosVersion: undefined,
    });
  });
});
