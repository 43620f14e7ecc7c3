import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import fc from 'fast-check';
import { concat } from '#shared/bytes/bytes.ts';
import { decodeMsgpack, encodeMsgpack } from '#shared/codec/msgpack.ts';

const Anything = Type.Unknown();
const BYTES_MAX = 1_000_000;

const key = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((name) => !['__proto__', 'constructor', 'prototype'].includes(name));
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
}));

const isPlain = (bytes: Uint8Array) => decodeMsgpack(Anything, bytes, BYTES_MAX) !== undefined;

describe('MessagePack codec, on any input', () => {
  it('gives back every value it can encode', () => {
    fc.assert(
      fc.property(value, (sent) => {
        const received = decodeMsgpack(Type.Object({ v: Anything }), encodeMsgpack({ v: sent }), BYTES_MAX);
        expect(encodeMsgpack(received)).to.deep.equal(encodeMsgpack({ v: sent }));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('refuses every value with something after it', () => {
    fc.assert(
      fc.property(value, fc.uint8Array({ minLength: 1, maxLength: 9 }), (sent, tail) => {
        expect(isPlain(concat(encodeMsgpack({ v: sent }), tail))).to.equal(false);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('never throws, and what it accepts it can encode again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const received = decodeMsgpack(Anything, bytes, BYTES_MAX);
        if (received !== undefined) expect(isPlain(encodeMsgpack(received))).to.equal(true);
      }),
      { seed: 3, numRuns: 5000 },
    );
  });
});
