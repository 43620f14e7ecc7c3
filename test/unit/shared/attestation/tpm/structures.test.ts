import { expect } from 'chai';
import { counted, u16be } from '#infra/emulator/bytes.ts';
import { selections } from '#infra/emulator/tpm/quote.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { parseQuote } from '#shared/attestation/tpm/attest.ts';
import { parseAttestationKey } from '#shared/attestation/tpm/key.ts';
import { bankOf } from '#shared/attestation/tpm/pcr.ts';
import { parsePublic } from '#shared/attestation/tpm/public.ts';
import { fixedWidth, parseSignature } from '#shared/attestation/tpm/signature.ts';
import { ecSpki, rsaSpki } from '#shared/attestation/x509/spki.ts';
import { concat, EMPTY, toHex, u32be } from '#shared/bytes/bytes.ts';
import { type Bent, bootedMachine, flipped, partsOf, SELECTION } from './machine.ts';

const machine = bootedMachine();
const rsa = bootedMachine({ kind: 'rsa' });

/** The message of a refusal, empty where there is none. */
function refusal(parse: () => unknown): string {
  const result = attempt(parse);
  return result.kind === 'parsed' ? '' : result.reason.detail;
}

describe('TPMS_ATTEST reader', () => {
  const quoteOf = (bent: Bent = {}): Uint8Array => partsOf(machine, bent).quote;
  const refusalOf = (bent: Bent): string => refusal(() => parseQuote(quoteOf(bent)));

  it('reads every field', () => {
    const quote = parseQuote(quoteOf());
    expect(toHex(quote.qualifiedSigner)).to.equal(toHex(machine.ak.qualifiedName));
    expect(quote).to.include({ clockMs: 3_600_000n, resetCount: 4, restartCount: 1, safe: true });
    expect(quote.firmwareVersion).to.equal(0x0007000200000001n);
    expect(quote.selections).to.deep.equal([{ algorithm: 0x000b, bank: 'sha256', indices: SELECTION.get('sha256') }]);
    expect(parseQuote(quoteOf({ safe: 0 })).safe).to.equal(false);
  });

  it('takes extra data and names up to the longest digest', () => {
    expect(refusalOf({ request: { extraData: new Uint8Array(66) }, qualifiedSigner: new Uint8Array(66) })).to.equal('');
    expect(refusalOf({ request: { extraData: new Uint8Array(67) } })).to.contain('extraData of 67 bytes');
    expect(refusalOf({ qualifiedSigner: new Uint8Array(67) })).to.contain('qualifiedSigner of 67 bytes');
    expect(refusalOf({ pcrDigest: new Uint8Array(65) })).to.contain('pcrDigest of 65 bytes');
  });

  it('refuses what ends anywhere before its end', () => {
    const quote = quoteOf();
    for (let length = 0; length < quote.length; length += 1) {
      expect(
        refusal(() => parseQuote(quote.subarray(0, length))),
        `${length} bytes`,
      ).to.not.equal('');
    }
    expect(refusal(() => parseQuote(concat(quote, Uint8Array.of(0))))).to.contain('1 bytes left over');
    expect(refusal(() => parseQuote(new Uint8Array(1025)))).to.contain('at most 1024');
  });

  it('refuses a yes or no that is neither', () => {
    expect(refusalOf({ safe: 2 })).to.contain('a yes or no of 2');
  });

  it('refuses selections that no TPM makes', () => {
    const entry = Uint8Array.of(0, 0x0b, 3, 1, 0, 0);
    const cases = {
      'is selected twice': concat(u32be(2), entry, entry),
      '17 register selections': concat(u32be(17), ...Array.from({ length: 17 }, () => entry)),
      'a register bitmap of 2 bytes': concat(u32be(1), Uint8Array.of(0, 0x0b, 2, 1, 0)),
      'a register bitmap of 5 bytes': concat(u32be(1), Uint8Array.of(0, 0x0b, 5, 1, 0, 0, 0, 0)),
      'a register that no PC has': concat(u32be(1), Uint8Array.of(0, 0x0b, 4, 1, 0, 0, 1)),
    };
    for (const [message, bytes] of Object.entries(cases)) {
      expect(refusalOf({ selections: bytes }), message).to.contain(message);
    }
    expect(refusalOf({ selections: concat(u32be(1), Uint8Array.of(0, 0x0b, 4, 1, 0, 0, 0)) })).to.equal('');
    expect(refusalOf({ selections: selections(new Map()) })).to.equal('');
  });

  it('knows the banks that it reads', () => {
    expect([0x0004, 0x000b, 0x000c, 0x000d].map(bankOf)).to.deep.equal(['sha1', 'sha256', 'sha384', undefined]);
  });
});

describe('TPMT_SIGNATURE reader', () => {
  it('refuses other schemes, and what does not end where it should', () => {
    for (const each of [machine, rsa]) {
      const { signature } = partsOf(each);
      expect(refusal(() => parseSignature(signature))).to.equal('');
      expect(refusal(() => parseSignature(concat(signature, Uint8Array.of(0))))).to.contain('left over');
      expect(refusal(() => parseSignature(signature.subarray(0, -1)))).to.contain('left');
    }
    expect(refusal(() => parseSignature(Uint8Array.of(0, 0x16, 0, 0x0b)))).to.contain('scheme 0x0016');
    expect(refusal(() => parseSignature(new Uint8Array(1025)))).to.contain('1025 bytes');
    const long = concat(u16be(0x14), u16be(0x0b), counted(new Uint8Array(513)));
    expect(refusal(() => parseSignature(long))).to.contain('RSA signature of 513 bytes');
  });

  it('widens short numbers and refuses long ones', () => {
    const two = Uint8Array.of(1, 2);
    expect(fixedWidth(two, Uint8Array.of(3), 3)).to.deep.equal(Uint8Array.of(0, 1, 2, 0, 0, 3));
    expect(fixedWidth(two, new Uint8Array(4), 3)).to.equal(undefined);
    expect(fixedWidth(new Uint8Array(4), two, 3)).to.equal(undefined);
  });
});

describe('TPMT_PUBLIC reader', () => {
  const written = (area: Uint8Array): string => refusal(() => parsePublic(area));
  /** Offsets in an area without a policy: type, name algorithm, attributes, policy, symmetric, scheme, hash, then the key. */
  const at = (offset: number, value: number, area = machine.ak.area): string =>
    written(concat(area.subarray(0, offset), u16be(value), area.subarray(offset + 2)));

  it('reads keys of each kind as their TPM describes them', () => {
    for (const each of [machine, rsa, bootedMachine({ kind: 'p384' })]) {
      const key = parseAttestationKey(each.ak.area);
      expect(toHex(key.spki)).to.equal(toHex(each.ak.spki));
      expect(key.area?.parsed).to.include({ nameAlgorithm: 'sha256', attributes: 0x00050072, kind: key.kind });
    }
  });

  it('refuses what no attestation key can be', () => {
    expect(at(0, 0x0008)).to.contain('neither RSA nor ECC');
    expect(at(2, 0x0004)).to.contain('another hash than SHA-2');
    expect(written(flipped(machine.ak.area, 4, 0x80))).to.contain('reserved attributes');
    expect(at(10, 0x0006)).to.contain('not for signing');
    expect(at(12, 0x0014)).to.contain('signature scheme 0x0014');
    expect(at(12, 0x0016, rsa.ak.area)).to.contain('signature scheme 0x0016');
    expect(at(16, 0x0005)).to.contain('curve 0x0005');
    expect(at(18, 0x0020)).to.contain('key derivation');
    expect(at(16, 1024, rsa.ak.area)).to.contain('RSA-1024');
    expect(at(16, 3072, rsa.ak.area)).to.contain('RSA-3072');
    expect(written(flipped(rsa.ak.area, 24, 0x80))).to.contain('RSA-2048');
    expect(written(concat(rsa.ak.area.subarray(0, 22), counted(EMPTY)))).to.contain('RSA-2048');
    expect(written(concat(machine.ak.area, Uint8Array.of(0)))).to.contain('left over');
    expect(written(new Uint8Array(1025))).to.contain('at most 1024');
    const head = machine.ak.area.subarray(0, 20);
    expect(written(concat(head, counted(new Uint8Array(33)), counted(EMPTY)))).to.contain('longer than its curve');
    expect(written(concat(head, counted(EMPTY), counted(new Uint8Array(33))))).to.contain('longer than its curve');
  });

  it('reads an exponent that is spelled out', () => {
    const { area, spki } = rsa.ak;
    const spelled = concat(area.subarray(0, 18), u32be(65537), area.subarray(22));
    expect(toHex(parsePublic(spelled).spki)).to.equal(toHex(spki));
  });
});

describe('attestation key reader', () => {
  const key = (encoded: Uint8Array): string => refusal(() => parseAttestationKey(encoded));

  it('reads a bare key', () => {
    expect(parseAttestationKey(rsa.ak.spki)).to.deep.equal({
      kind: 'rsa',
      bits: 2048,
      spki: rsa.ak.spki,
      area: undefined,
    });
    expect(parseAttestationKey(machine.ak.spki)).to.include({ kind: 'p256', bits: 256 });
  });

  it('refuses keys that are short, on other curves, or written in another way', () => {
    const short = rsaSpki(new Uint8Array(128).fill(0xff), Uint8Array.of(1, 0, 1)) ?? EMPTY;
    expect(key(short)).to.contain('RSA-1024');
    const compressed = machine.ak.spki.map((byte, index) => (index === 26 ? 2 : byte));
    expect(key(compressed)).to.contain('no uncompressed point');
    const p521 = concat(
      Uint8Array.of(0x30, 0x11, 0x30, 0x0a, 0x06, 0x08, 1, 2, 3, 4, 5, 6, 7, 8),
      Uint8Array.of(3, 3, 0, 4, 5),
    );
    expect(key(p521)).to.contain('neither RSA nor on curve');
    expect(key(concat(machine.ak.spki, Uint8Array.of(0)))).to.contain('left over');
    expect(key(concat(Uint8Array.of(0x30), new Uint8Array(1024)))).to.contain('at most 1024');
    expect(ecSpki('p256', new Uint8Array(63))).to.equal(undefined);
  });
});
