import { expect } from 'chai';
import { u16le, u32le } from '#infra/emulator/bytes.ts';
import { chainOf, type QuoteContents, type QuoteDefects } from '#infra/emulator/intel/quote.ts';
import { parseSgxQuote, parseTdQuote } from '#shared/attestation/dcap/quote.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { concat } from '#shared/bytes/bytes.ts';
import { type FakeIntel, fakeIntel, plainSgx, plainTd, quoteOf } from '#test/fakes/tee/intel.ts';

const TD_15 = plainTd({ teeTcbSvn2: Uint8Array.of(5, 1, 2), mrServiceTd: new Uint8Array(48).fill(9) });

/** Bytes of a quote before its signature data, the length of which follows. */
const SIGNED_BYTES = { 'SGX 3': 48 + 384, 'SGX 4': 48 + 384, 'SGX 5': 54 + 384, 'TDX 4': 48 + 584, 'TDX 5': 54 + 648 };
type Form = keyof typeof SIGNED_BYTES;
const FORMS: readonly Form[] = ['SGX 3', 'SGX 4', 'SGX 5', 'TDX 4', 'TDX 5'];
const CONTENTS: Readonly<Record<Form, QuoteContents>> = {
  'SGX 3': { version: 3, report: plainSgx() },
  'SGX 4': { version: 4, report: plainSgx() },
  'SGX 5': { version: 5, report: plainSgx() },
  'TDX 4': { version: 4, report: plainTd() },
  'TDX 5': { version: 5, report: TD_15 },
};

describe('DCAP quote', () => {
  let sgx: FakeIntel;
  let tdx: FakeIntel;
  before(async () => {
    [sgx, tdx] = await Promise.all([fakeIntel('SGX'), fakeIntel('TDX')]);
  });

  const mint = (form: Form, defects?: QuoteDefects, contents?: Partial<QuoteContents>): Promise<Uint8Array> =>
    quoteOf(form.startsWith('SGX') ? sgx.machine : tdx.machine, defects, { ...CONTENTS[form], ...contents });
  const parse = (form: Form, bytes: Uint8Array) =>
    form.startsWith('SGX') ? parseSgxQuote(bytes) : parseTdQuote(bytes);

  it('of version 3 is read field by field', async () => {
    const bytes = await mint('SGX 3');
    const { version, header, report, signed, proof } = parseSgxQuote(bytes);
    expect(version).to.equal(3);
    expect(header).to.deep.equal({ qeSvn: 8, pceSvn: 13, userData: new Uint8Array(20) });
    expect(report.mrEnclave).to.deep.equal(new Uint8Array(32).fill(0xee));
    expect([report.isvProdId, report.isvSvn]).to.deep.equal([7, 3]);
    expect(signed).to.deep.equal(bytes.subarray(0, 432));
    expect(proof.signature).to.deep.equal(bytes.subarray(436, 500));
    expect(proof.attestationKey).to.deep.equal(bytes.subarray(500, 564));
    expect(proof.qeReportBytes).to.deep.equal(bytes.subarray(564, 948));
    expect(proof.qeReport.isvSvn).to.equal(8);
    expect(proof.qeReportSignature).to.deep.equal(bytes.subarray(948, 1012));
    expect(proof.qeAuthData).to.deep.equal(bytes.subarray(1014, 1046));
    expect(proof.certification).to.deep.equal({ type: 5, bytes: chainOf(sgx.machine) });
  });

  it('from version 4 on states no versions of enclaves, whatever the reserved bytes hold', async () => {
    for (const form of FORMS.slice(1)) {
      const { header } = parse(form, await mint(form, { header: { 8: Uint8Array.of(1, 2, 3, 4) } }));
      expect([header.qeSvn, header.pceSvn], form).to.deep.equal([undefined, undefined]);
    }
  });

  it('of version 5 carries the TD report of TDX 1.0 as well as that of 1.5', async () => {
    const later = parseTdQuote(await mint('TDX 5')).report;
    expect(later.mrServiceTd).to.deep.equal(new Uint8Array(48).fill(9));
    expect(later.teeTcbSvn2?.subarray(0, 3)).to.deep.equal(Uint8Array.of(5, 1, 2));
    const { report } = parseTdQuote(await mint('TDX 5', {}, { report: plainTd() }));
    expect('mrServiceTd' in report).to.equal(false);
    expect(report.mrTd).to.deep.equal(new Uint8Array(48).fill(0x7d));
    expect(report.rtmrs[3]).to.deep.equal(new Uint8Array(48).fill(0xa3));
  });

  for (const form of FORMS) {
    describe(form, () => {
      it('is refused at every length that is too short', async () => {
        const bytes = await mint(form);
        // Every length through the header, the body and the start of the signature data, then some of the chain.
        for (let length = 0; length < bytes.length; length += length < 1500 ? 1 : 97) {
          expect(() => parse(form, bytes.slice(0, length)), `${length}`).to.throw(MalformedInput);
        }
      });

      const header: Readonly<Record<string, Readonly<Record<number, Uint8Array>>>> = {
        'version 2': { 0: u16le(2) },
        'version 6': { 0: u16le(6) },
        'attestation key type 3 (P-384)': { 2: u16le(3) },
        'another TEE type': { 4: u32le(form.startsWith('SGX') ? 0x81 : 0) },
        'an unknown TEE type': { 4: u32le(0x0100_0081) },
        'another QE vendor': { 12: Uint8Array.of(0x92) },
      };
      for (const [name, bend] of Object.entries(header)) {
        it(`is refused with ${name}`, async () => {
          const bytes = await mint(form, { header: bend });
          expect(() => parse(form, bytes))
            .to.throw(MalformedInput)
            .with.property('code', 'MALFORMED');
        });
      }

      it('is refused when the length of its signature data is not that of the data', async () => {
        const whole = (await mint(form)).length - SIGNED_BYTES[form] - 4;
        for (const signatureDataBytes of [0, 128, whole - 1, whole + 1, 0xffff_ffff]) {
          const bytes = await mint(form, { signatureDataBytes });
          expect(() => parse(form, bytes), `${signatureDataBytes}`).to.throw(MalformedInput);
        }
        const longer = await mint(form, { signatureDataBytes: whole + 2, trailing: new Uint8Array(2) });
        expect(() => parse(form, longer)).to.throw(MalformedInput, 'left over');
      });

      it('is refused when a length within its signature data leads out of it, or leaves some', async () => {
        const start = SIGNED_BYTES[form] + 4 + 128 + (form === 'SGX 3' ? 0 : 6);
        const bytes = await mint(form);
        for (const [at, value] of [
          [start + 448, 0xffff],
          [start + 448, 0],
          [start + 448 + 2 + 32 + 2, 0xffff],
          [start + 448 + 2 + 32 + 4, 0xffff],
        ] as const) {
          const bent = Uint8Array.from(bytes);
          bent.set(u16le(value), at);
          expect(() => parse(form, bent), `${at}: ${value}`).to.throw(MalformedInput);
        }
      });

      it('is refused with certification data of an unknown type', async () => {
        for (const type of [0, 6, 7, 0xffff]) {
          const bytes = await mint(form, { certification: [type, chainOf(sgx.machine)] });
          expect(() => parse(form, bytes), `${type}`).to.throw(MalformedInput, 'type');
        }
      });
    });
  }

  it('is refused when the data around the report of the quoting enclave is of another type', async () => {
    for (const outerType of [5, 7]) {
      const bytes = await mint('TDX 4', { outerType });
      expect(() => parseTdQuote(bytes)).to.throw(MalformedInput, 'not 6');
    }
  });

  it('is refused with something behind the data around the report of the quoting enclave', async () => {
    const bytes = await mint('TDX 4', { alterSignatureData: (data) => concat(data, Uint8Array.of(0)) });
    expect(() => parseTdQuote(bytes)).to.throw(MalformedInput, 'left over');
  });

  it('of version 5 is refused when its descriptor is not that of its body', async () => {
    for (const descriptor of [
      [0, 384],
      [2, 384],
      [3, 384],
      [4, 384],
      [1, 383],
      [1, 0xffff_ffff],
    ] as const) {
      const bytes = await mint('SGX 5', { descriptor });
      expect(() => parseSgxQuote(bytes), `${descriptor}`).to.throw(MalformedInput, 'quote body of type');
    }
    for (const descriptor of [
      [1, 648],
      [2, 648],
      [3, 584],
      [4, 648],
    ] as const) {
      const bytes = await mint('TDX 5', { descriptor });
      expect(() => parseTdQuote(bytes), `${descriptor}`).to.throw(MalformedInput, 'quote body of type');
    }
  });

  it('of version 3 is refused for a TD', async () => {
    const bytes = await mint('TDX 4', { header: { 0: u16le(3) } });
    expect(() => parseTdQuote(bytes)).to.throw(MalformedInput, 'for SGX only');
  });

  it('is refused when it is longer than any kernel gives', async () => {
    const quote = await mint('SGX 3');
    const padded = (length: number): Uint8Array => concat(quote, new Uint8Array(length - quote.length));
    expect(parseSgxQuote(padded(32 * 1024)).version).to.equal(3);
    expect(() => parseSgxQuote(padded(32 * 1024 + 1))).to.throw(MalformedInput, 'at most');
  });

  it('is refused when reserved bytes of a report are not zero', async () => {
    for (const at of [20, 31, 96, 160, 262, 303]) {
      const report = plainSgx();
      report[at] = 1;
      const bytes = await mint('SGX 4', {}, { report });
      expect(() => parseSgxQuote(bytes), `${at}`).to.throw(MalformedInput, 'reserved');
    }
  });
});
