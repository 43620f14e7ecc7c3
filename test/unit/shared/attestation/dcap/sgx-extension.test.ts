import { expect } from 'chai';
import { der, oid, sequence } from '#infra/emulator/der.ts';
import { PLAIN_PLATFORM } from '#infra/emulator/intel/quote.ts';
import { sgxExtensionValue, sgxField, tcbFields } from '#infra/emulator/intel/sgx-extension.ts';
import { parseSgxExtension } from '#shared/attestation/dcap/sgx-extension.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { concat } from '#shared/bytes/bytes.ts';

type Rewrite = (encoded: readonly Uint8Array[]) => readonly Uint8Array[];

const octets = (bytes: number): Uint8Array => der(0x04, new Uint8Array(bytes));
const integer = (...content: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(content));

/** Puts `field` in the place of the one at `index`. */
const replace =
  (index: number, field: Uint8Array): Rewrite =>
  (encoded) =>
    encoded.with(index, field);
const drop =
  (index: number): Rewrite =>
  (encoded) =>
    encoded.toSpliced(index, 1);
/** Rewrites the fields of the TCB. */
const inTcb = (rewrite: Rewrite): Rewrite => replace(1, sgxField('2', sequence(...rewrite(tcbFields(PLAIN_PLATFORM)))));
const configuration = (...flags: readonly Uint8Array[]): Rewrite => replace(6, sgxField('7', sequence(...flags)));

describe('SGX extension of a PCK certificate', () => {
  it('is read field by field', () => {
    const { ppid, pceId, fmspc, platformInstanceId, components, pceSvn, cpuSvn } = PLAIN_PLATFORM;
    expect(parseSgxExtension(sgxExtensionValue(PLAIN_PLATFORM))).to.deep.equal({
      ppid,
      pceId,
      fmspc,
      platformInstanceId,
      sgxType: 1,
      tcb: { components, pceSvn, cpuSvn },
      configuration: { dynamicPlatform: true, cachedKeys: true, smtEnabled: true },
    });
  });

  it('of a board with one processor lacks what only others have', () => {
    const read = parseSgxExtension(sgxExtensionValue(PLAIN_PLATFORM, (encoded) => encoded.slice(0, 5)));
    expect([read.platformInstanceId, read.configuration]).to.deep.equal([undefined, undefined]);
  });

  it('may state some of the configuration, and its fields in any order', () => {
    const some = configuration(sgxField('7.2', der(0x01, Uint8Array.of(0))));
    expect(parseSgxExtension(sgxExtensionValue(PLAIN_PLATFORM, some)).configuration).to.deep.equal({
      dynamicPlatform: undefined,
      cachedKeys: false,
      smtEnabled: undefined,
    });
    const reversed = parseSgxExtension(sgxExtensionValue(PLAIN_PLATFORM, (encoded) => encoded.toReversed()));
    expect(reversed).to.deep.equal(parseSgxExtension(sgxExtensionValue(PLAIN_PLATFORM)));
  });

  it('takes numbers at their largest', () => {
    const largest = {
      ...PLAIN_PLATFORM,
      components: PLAIN_PLATFORM.components.map(() => 255),
      pceSvn: 65_535,
      sgxType: 2,
    };
    const { tcb, sgxType } = parseSgxExtension(sgxExtensionValue(largest));
    expect([tcb.components[15], tcb.pceSvn, sgxType]).to.deep.equal([255, 65_535, 2]);
  });

  const refused: Readonly<Record<string, Rewrite>> = {
    'no PPID': drop(0),
    'no TCB': drop(1),
    'no PCEID': drop(2),
    'no FMSPC': drop(3),
    'no SGX type': drop(4),
    'a field twice': (encoded) => [...encoded, ...encoded.slice(0, 1)],
    'a field that the profile does not have': (encoded) => [...encoded, sgxField('8', octets(1))],
    'a field of arc 0': (encoded) => [...encoded, sgxField('0', octets(1))],
    'a field below a field': (encoded) => [...encoded, sgxField('1.1', octets(16))],
    'a field of another arc': (encoded) => [...encoded, sequence(oid('1.2.840.113741.1.13.2.1'), octets(16))],
    'a PPID of 15 bytes': replace(0, sgxField('1', octets(15))),
    'a PPID of another type': replace(0, sgxField('1', der(0x03, new Uint8Array(16)))),
    'a PPID with something behind it': replace(0, sgxField('1', concat(octets(16), octets(0)))),
    'a PCEID of 3 bytes': replace(2, sgxField('3', octets(3))),
    'an FMSPC of 5 bytes': replace(3, sgxField('4', octets(5))),
    'an SGX type of 3': replace(4, sgxField('5', der(0x0a, Uint8Array.of(3)))),
    'an SGX type of two octets': replace(4, sgxField('5', der(0x0a, Uint8Array.of(0, 1)))),
    'an empty SGX type': replace(4, sgxField('5', der(0x0a))),
    'an SGX type that is an INTEGER': replace(4, sgxField('5', integer(1))),
    'a platform instance id of 17 bytes': replace(5, sgxField('6', octets(17))),
    'an unknown configuration': configuration(sgxField('7.4', der(0x01, Uint8Array.of(0)))),
    'a flag that is neither': configuration(sgxField('7.1', der(0x01, Uint8Array.of(1)))),
    'a flag with something behind it': configuration(sgxField('7.1', der(0x01, Uint8Array.of(0), Uint8Array.of(0)))),
    'a component missing': inTcb(drop(3)),
    'a component twice': inTcb((encoded) => [...encoded, ...encoded.slice(3, 4)]),
    'a component of 256': inTcb(replace(0, sgxField('2.1', integer(1, 0)))),
    'a negative component': inTcb(replace(0, sgxField('2.1', integer(0x80)))),
    'no PCESVN': inTcb(drop(16)),
    'a PCESVN of 65536': inTcb(replace(16, sgxField('2.17', integer(1, 0, 0)))),
    'a PCESVN of four octets': inTcb(replace(16, sgxField('2.17', integer(1, 0, 0, 0)))),
    'no CPUSVN': inTcb(drop(17)),
    'a CPUSVN of 15 bytes': inTcb(replace(17, sgxField('2.18', octets(15)))),
    'a nineteenth field in the TCB': inTcb((encoded) => [...encoded, sgxField('2.19', octets(1))]),
    'something behind the TCB': replace(1, sgxField('2', concat(sequence(...tcbFields(PLAIN_PLATFORM)), octets(0)))),
    'a field that is no SEQUENCE': (encoded) => [...encoded, octets(1)],
  };
  for (const [name, rewrite] of Object.entries(refused)) {
    it(`is refused with ${name}`, () => {
      expect(() => parseSgxExtension(sgxExtensionValue(PLAIN_PLATFORM, rewrite))).to.throw(MalformedInput);
    });
  }

  it('is refused with bytes behind it, and when it is empty', () => {
    const value = concat(sgxExtensionValue(PLAIN_PLATFORM), Uint8Array.of(0));
    expect(() => parseSgxExtension(value)).to.throw(MalformedInput, 'left over');
    expect(() => parseSgxExtension(new Uint8Array(0))).to.throw(MalformedInput);
  });
});
