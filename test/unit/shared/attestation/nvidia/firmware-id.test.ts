import { expect } from 'chai';
import { der, oid, sequence } from '#infra/emulator/der.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';
import { firmwareIdOf } from '#shared/attestation/nvidia/firmware-id.ts';
import { concat, fromHex, toHex } from '#shared/bytes/bytes.ts';

const DEVICE_ID = '2.23.133.5.4.1';
const TCB_INFO = '2.23.133.5.4.1.1';
/** The extension of a Blackwell GPU, as NVIDIA's attestation SDK shows it in `nv_x509.cpp`. */
const BLACKWELL =
  '3081b180064e5649444941810d4742313030204130312047535082023031830101840100850100a67e303d06096086480165030402020430d090cab1b6e6ffddca83d1781e25b3f040fa1f3c7608230cb5f41b1c1b99f5f748349e59d0ef8eb830c9bc79ccf77502303d06096086480165030402020430000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000870500800000018801c0890100';
const SHA384 = oid('2.16.840.1.101.3.4.2.2');
const DIGEST = new Uint8Array(48).fill(0xf1);
const fwid = (hash = SHA384): Uint8Array => sequence(hash, der(0x04, DIGEST));
const version = der(0x02, Uint8Array.of(1));

function idIn(values: Readonly<Record<string, Uint8Array>>): string | undefined {
  const extensions = {
    basicConstraints: undefined,
    keyUsage: undefined,
    unknownCritical: [],
    values: new Map(Object.entries(values)),
  };
  const id = firmwareIdOf({ extensions });
  return id === undefined ? undefined : toHex(id);
}

describe('the firmware that a certificate was issued for', () => {
  it('is named by a Hopper GPU', () => {
    expect(idIn({ [DEVICE_ID]: sequence(version, sequence(), fwid()) })).to.equal(toHex(DIGEST));
  });

  it('is named by a Blackwell GPU, the first of a list', () => {
    const value = fromHex(BLACKWELL) ?? new Uint8Array(0);
    expect(idIn({ [TCB_INFO]: value })).to.match(/^d090cab1b6e6ffddca83d1781e25b3f0.{64}$/);
  });

  it('need not be named', () => {
    expect(idIn({})).to.equal(undefined);
    expect(idIn({ [TCB_INFO]: sequence(der(0x80, Uint8Array.of(1))) })).to.equal(undefined);
  });

  const malformed: Readonly<Record<string, readonly [string, Uint8Array]>> = {
    'bytes behind it': [DEVICE_ID, concat(sequence(version, sequence(), fwid()), Uint8Array.of(0))],
    'no version': [DEVICE_ID, sequence(sequence(), fwid())],
    'two ids where one has its place': [DEVICE_ID, sequence(version, sequence(), fwid(), fwid())],
    'another hash': [DEVICE_ID, sequence(version, sequence(), fwid(oid('2.16.840.1.101.3.4.2.1')))],
    'an empty list': [TCB_INFO, sequence(der(0xa6))],
    'a list of something else': [TCB_INFO, sequence(der(0xa6, der(0x04, DIGEST)))],
    'no sequence': [TCB_INFO, der(0x04, DIGEST)],
  };
  for (const [name, [id, value]] of Object.entries(malformed)) {
    it(`is refused with ${name}`, () => {
      expect(() => idIn({ [id]: value })).to.throw(MalformedInput);
    });
  }
});
