import { expect } from 'chai';
import { masked } from '#shared/attestation/dcap/masked.ts';
import { instant, octets } from '#shared/attestation/dcap/tcb-json.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';

describe("values of Intel's documents", () => {
  it('are times and bytes, or stop the parser', () => {
    expect(instant('2026-01-02T03:04:05Z')).to.equal(Date.parse('2026-01-02T03:04:05Z'));
    expect(octets('00fF')).to.deep.equal(Uint8Array.of(0, 255));
    expect(() => instant('2026-01-02')).to.throw(MalformedInput);
    expect(() => octets('0')).to.throw(MalformedInput);
  });
});

describe('a mask', () => {
  it('leaves the bits that it has set, and none beyond its end', () => {
    const value = Uint8Array.of(0xff, 0x12, 0xff);
    expect(masked(value, Uint8Array.of(0x0f, 0xf0))).to.deep.equal(Uint8Array.of(0x0f, 0x10, 0));
  });
});
