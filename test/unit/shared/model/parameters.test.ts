import { expect } from 'chai';
import fc from 'fast-check';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { layoutOf } from '#shared/model/layout.ts';
import { allFinite, floatBytes, floatsOf, tensorViews, zeroParameters } from '#shared/model/parameters.ts';

const layout = layoutOf(
  [
    { name: 'w', shape: [2, 2] },
    { name: 's', shape: [] },
    { name: 'b', shape: [3] },
  ],
  nodeCrypto,
);

describe('parameters', () => {
  it('show each tensor as a view on the flat values', () => {
    const parameters = { layout, values: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
    expect(tensorViews(parameters).map(({ name, values }) => [name, [...values]])).to.deep.equal([
      ['w', [1, 2, 3, 4]],
      ['s', [5]],
      ['b', [6, 7, 8]],
    ]);
    tensorViews(parameters)[2]?.values.set([9], 1);
    expect(parameters.values[6]).to.equal(9);
  });

  it('begin with as many zeros as their layout has values', () => {
    expect([...zeroParameters(layout).values]).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('travel as little-endian binary32', () => {
    expect([...floatBytes(Float32Array.of(1, -2))]).to.deep.equal([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    expect(floatsOf(new Uint8Array(3))).to.equal(undefined);
  });

  it('come back bit by bit, from any offset', () => {
    fc.assert(
      fc.property(fc.float32Array(), fc.nat(3), (values, offset) => {
        const bytes = floatBytes(values);
        const padded = new Uint8Array(bytes.length + offset);
        padded.set(bytes, offset);
        expect(floatBytes(floatsOf(padded.subarray(offset)) ?? new Float32Array(1))).to.deep.equal(bytes);
      }),
    );
  });

  it('are finite only when every value is', () => {
    expect(allFinite(Float32Array.of(0, -0, 3.4e38, 1e-45))).to.equal(true);
    for (const bad of [Number.NaN, Infinity, -Infinity]) expect(allFinite(Float32Array.of(1, bad, 2))).to.equal(false);
  });
});
