import { expect } from 'chai';
import { certificateTableOf, writeCertificateTable } from '#infra/emulator/sev-snp/certificate-table.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { parseCertificateTable, TABLE_GUIDS } from '#shared/attestation/sev-snp/certificate-table.ts';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { type TestChip, testChip } from '#test/fakes/tee/amd.ts';

const one = (guid: string, content = utf8('content')): Uint8Array => writeCertificateTable([{ guid, content }]);
/** Writes a u32 into a table. */
function bent(table: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = table.slice();
  new DataView(copy.buffer).setUint32(offset, value, true);
  return copy;
}

describe('SNP certificate table', () => {
  let device: TestChip;
  before(async () => {
    device = await testChip();
  });

  it('gives certificates and revocation lists', () => {
    const { chip, hierarchy, crl } = device;
    const table = parseCertificateTable(certificateTableOf(chip, crl));
    expect(table.crls).to.deep.equal([crl]);
    expect(table.certificates).to.deep.equal([chip.certificate, hierarchy.ask.certificate, hierarchy.ark.certificate]);
  });

  it('may be empty, may be padded, and may stand within other memory', () => {
    const nothing = { certificates: [], crls: [] };
    expect(parseCertificateTable(new Uint8Array(24))).to.deep.equal(nothing);
    const padded = concat(utf8('before'), one(TABLE_GUIDS.ark), new Uint8Array(4096)).subarray(6);
    expect(parseCertificateTable(padded).certificates).to.deep.equal([utf8('content')]);
  });

  it('reads GUIDs in the order of their text', () => {
    expect(TABLE_GUIDS.vcek).to.equal('63da758d-e664-4564-adc5-f4b93be8accd'.replaceAll('-', ''));
    expect(TABLE_GUIDS.vlek).to.equal('a8074bc2-a25a-483e-aae6-39c045a0b8a1'.replaceAll('-', ''));
    expect(TABLE_GUIDS.ask).to.equal('4ab7b379-bbac-4fe4-a02f-05aef327c782'.replaceAll('-', ''));
    expect(TABLE_GUIDS.ark).to.equal('c0b406a4-a803-4952-9743-3fb6014cd0ae'.replaceAll('-', ''));
    expect(TABLE_GUIDS.crl).to.equal('92f81bc3-5811-4d3d-97ff-d19f88dc67ea'.replaceAll('-', ''));
  });

  it('leaves alone what AMD does not define', () => {
    expect(parseCertificateTable(one('ecae0c0f950243b1afa20ae2e0d565b6'))).to.deep.equal({
      certificates: [],
      crls: [],
    });
  });

  const OFFSET = 16;
  const LENGTH = 20;
  const refused: Readonly<Record<string, () => Uint8Array>> = {
    'no bytes': () => new Uint8Array(0),
    'no end': () => one(TABLE_GUIDS.ark).subarray(0, 24),
    'an end that is cut': () => one(TABLE_GUIDS.ark).subarray(0, 47),
    'an entry within its own header': () => bent(one(TABLE_GUIDS.ark), OFFSET, 47),
    'an entry that runs past the end': () => bent(one(TABLE_GUIDS.ark), LENGTH, 8),
    'an entry far past the end': () => bent(one(TABLE_GUIDS.ark), OFFSET, 0xffff_ffff),
    'entries that share their content': () => {
      const two = writeCertificateTable([
        { guid: TABLE_GUIDS.ask, content: utf8('one') },
        { guid: TABLE_GUIDS.ark, content: utf8('two') },
      ]);
      return bent(bent(two, LENGTH, 6), 24 + OFFSET, 72);
    },
    'an entry without content': () => one(TABLE_GUIDS.crl, new Uint8Array(0)),
    'an unknown entry past the end': () => bent(one('ff'.repeat(16)), LENGTH, 0xffff_ffff),
    'too many entries': () =>
      writeCertificateTable(Array.from({ length: 17 }, () => ({ guid: TABLE_GUIDS.ark, content: utf8('x') }))),
  };
  for (const [name, table] of Object.entries(refused)) {
    it(`refuses ${name}`, () => expect(() => parseCertificateTable(table())).to.throw(MalformedInput));
  }
});
