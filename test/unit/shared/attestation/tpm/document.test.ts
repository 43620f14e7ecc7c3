import { expect } from 'chai';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { encodeTpmDocument, parseTpmDocument } from '#shared/attestation/tpm/document.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';
import { bootedMachine, partsOf } from './machine.ts';

const parts = { ...partsOf(bootedMachine()), akParent: new Uint8Array(34) };
const one = Uint8Array.of(1);
const value = new Uint8Array(32);

function refusal(document: Uint8Array): string {
  const parsed = attempt(() => parseTpmDocument(document));
  return parsed.kind === 'parsed' ? '' : parsed.reason.detail;
}

/** A document of these entries, the last of equal names counting. */
function withEntries(...entries: readonly (readonly [CborInput, CborInput])[]): string {
  const plain: readonly (readonly [CborInput, CborInput])[] = [
    ['quote', one],
    ['signature', one],
    ['ak', one],
    ['pcrs', { entries: [['sha256', { entries: [[0, value]] }]] }],
  ];
  const kept = plain.filter(([name]) => !entries.some(([other]) => other === name));
  return refusal(encodeCbor({ entries: [...kept, ...entries] }));
}

describe('TPM evidence document', () => {
  it('is read as it was written', () => {
    expect(parseTpmDocument(encodeTpmDocument(parts))).to.deep.equal(parts);
    const { eventLog: _, akParent: __, ...least } = parts;
    expect(parseTpmDocument(encodeTpmDocument(least))).to.deep.equal(least);
  });

  it('is refused when it is no map of these fields', () => {
    expect(withEntries()).to.equal('');
    expect(refusal(encodeCbor([]))).to.contain('is a CBOR array');
    expect(withEntries(['more', one])).to.contain('a field that it does not have');
    expect(withEntries(['toString', one])).to.contain('a field that it does not have');
    expect(withEntries([1, one])).to.contain('a field that it does not have');
    expect(withEntries(['quote', 'text'])).to.contain('quote is not a byte string');
    expect(withEntries(['ak', EMPTY])).to.contain('ak is not a byte string');
    expect(withEntries(['signature', new Uint8Array(1025)])).to.contain('signature is not a byte string');
    expect(refusal(encodeCbor({ entries: [['quote', one]] }))).to.contain('without signature');
  });

  it('is refused with registers that no PC has', () => {
    const registers = (banks: CborInput): string => withEntries(['pcrs', banks]);
    expect(registers(one)).to.contain('not a map');
    expect(registers({ entries: [['sha512', { entries: [] }]] })).to.contain('bank that is not read');
    expect(registers({ entries: [[11, { entries: [] }]] })).to.contain('bank that is not read');
    expect(registers({ entries: [['sha256', one]] })).to.contain('are not a map');
    expect(registers({ entries: [['sha256', { entries: [[24, value]] }]] })).to.contain('that no PC has');
    expect(registers({ entries: [['sha256', { entries: [[-1, value]] }]] })).to.contain('that no PC has');
    expect(registers({ entries: [['sha256', { entries: [['0', value]] }]] })).to.contain('that no PC has');
    expect(registers({ entries: [['sha384', { entries: [[0, value]] }]] })).to.contain('is not its size');
    expect(registers({ entries: [['sha256', { entries: [[0, 7]] }]] })).to.contain('is not its size');
  });

  it('is refused in any other spelling of the same', () => {
    const registers = (...indices: readonly number[]): CborInput => ({
      entries: [['sha256', { entries: indices.map((index) => [index, value] as const) }]],
    });
    expect(withEntries(['pcrs', registers(0, 1)])).to.equal('');
    expect(withEntries(['pcrs', registers(1, 0)])).to.contain('one encoding');
    // Moved to the end, behind the registers.
    expect(withEntries(['quote', one])).to.contain('one encoding');
  });
});
