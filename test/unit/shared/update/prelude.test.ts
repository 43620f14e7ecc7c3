import { expect } from 'chai';
import { encodeMsgpack } from '#shared/codec/msgpack.ts';
import { decodePrelude, encodePrelude, METRICS_MAX } from '#shared/update/prelude.ts';

const metrics = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`m_${i}`, i / 2]));

describe('update prelude', () => {
  it('gives back what was encoded', () => {
    const prelude = { examples: 12, metrics: metrics(METRICS_MAX) };
    expect(decodePrelude(encodePrelude(prelude))).to.deep.equal(prelude);
  });

  it('lets NaN, infinities, negative and huge numbers through, for the enclave to refuse by name', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -99, 1e12, 1e300, 0.5]) {
      const prelude = { examples: value, metrics: { loss: value } };
      expect(decodePrelude(encodePrelude(prelude))).to.deep.equal(prelude);
    }
  });

  it('refuses what is no number', () => {
    for (const value of [null, '1', true, [1], { a: 1 }, new Uint8Array(8)]) {
      expect(decodePrelude(encodeMsgpack({ examples: value, metrics: {} }))).to.equal(undefined);
      expect(decodePrelude(encodeMsgpack({ examples: 1, metrics: { loss: value } }))).to.equal(undefined);
    }
  });

  it('refuses one metric too many and names that are none', () => {
    expect(decodePrelude(encodePrelude({ examples: 1, metrics: metrics(METRICS_MAX + 1) }))).to.equal(undefined);
    for (const name of ['', 'a b', 'ä', 'a'.repeat(65), 'a\n']) {
      expect(decodePrelude(encodePrelude({ examples: 1, metrics: { [name]: 1 } })), name).to.equal(undefined);
    }
  });

  it('refuses missing and unknown fields', () => {
    for (const other of [
      { examples: 1 },
      { metrics: {} },
      { examples: 1, metrics: {}, more: 1 },
      { examples: 1, metrics: [] },
    ]) {
      expect(decodePrelude(encodeMsgpack(other))).to.equal(undefined);
    }
  });
});
