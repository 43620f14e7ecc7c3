import { expect } from 'chai';
import { der, oid, sequence } from '#infra/emulator/der.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { commonName } from '#shared/attestation/x509/common-name.ts';
import { concat, utf8 } from '#shared/bytes/bytes.ts';

const UTF8 = 0x0c;
const PRINTABLE = 0x13;

describe('Common name', () => {
  it('is that of the one attribute of its type', () => {
    expect(commonName(name(attribute('2.5.4.10', UTF8, 'EMULATED'), cn('one')))).to.equal('one');
    expect(commonName(name(attribute('2.5.4.3', PRINTABLE, 'two')))).to.equal('two');
  });

  it('is none where it is missing, given twice, or no text', () => {
    expect(commonName(name())).to.equal(undefined);
    expect(commonName(name(cn('one'), cn('two')))).to.equal(undefined);
    expect(commonName(name(concat(cn('one'), cn('one'))))).to.equal(undefined);
    expect(commonName(name(attribute('2.5.4.3', 0x1e, 'one')))).to.equal(undefined);
    expect(commonName(name(sequence(oid('2.5.4.3'), der(UTF8, Uint8Array.of(0xff)))))).to.equal(undefined);
  });

  it('is refused of what is no name', () => {
    expect(() => commonName(Uint8Array.of(0x30, 1, 0))).to.throw(MalformedInput);
    expect(() => commonName(concat(name(cn('one')), Uint8Array.of(0)))).to.throw(MalformedInput);
    expect(() => commonName(name(sequence(oid('2.5.4.3'))))).to.throw(MalformedInput);
  });
});

/** A name of one set for each of `sets`. */
function name(...sets: readonly Uint8Array[]): Uint8Array {
  return sequence(...sets.map((set) => der(0x31, set)));
}

function cn(text: string): Uint8Array {
  return attribute('2.5.4.3', UTF8, text);
}

function attribute(type: string, tag: number, text: string): Uint8Array {
  return sequence(oid(type), der(tag, utf8(text)));
}
