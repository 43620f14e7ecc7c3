import { expect } from 'chai';
import fc from 'fast-check';
import { type CborItem, decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { type CborInput, encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { InvariantFault } from '#shared/fault/fault.ts';

describe('encodeCbor', () => {
  const examples: readonly (readonly [CborInput, string])[] = [
    // RFC 8949 appendix A.
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [100, '1864'],
    [1000, '1903e8'],
    [1_000_000, '1a000f4240'],
    [1_000_000_000_000, '1b000000e8d4a51000'],
    [-1, '20'],
    [-100, '3863'],
    [-1000, '3903e7'],
    [null, 'f6'],
    [new Uint8Array(0), '40'],
    [Uint8Array.of(1, 2, 3, 4), '4401020304'],
    ['', '60'],
    ['IETF', '6449455446'],
    ['ü', '62c3bc'],
    [[], '80'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [{ entries: [] }, 'a0'],
    [
      {
        entries: [
          ['a', 1],
          ['b', [2, 3]],
        ],
      },
      'a26161016162820203',
    ],
  ];
  for (const [value, hex] of examples) {
    it(`writes ${hex} as RFC 8949 appendix A does`, () => expect(toHex(encodeCbor(value))).to.equal(hex));
  }

  it('keeps the order of the entries given', () => {
    const written = encodeCbor({
      entries: [
        ['b', 1],
        ['a', 2],
      ],
    });
    expect(toHex(written)).to.equal('a2616201616102');
  });

  it('refuses a number that is not a safe integer', () => {
    for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => encodeCbor(value)).to.throw(InvariantFault, 'safe integer');
    }
  });

  it('refuses a map with two equal keys', () => {
    const entries = [
      ['a', 1],
      ['a', 2],
    ] as const;
    expect(() => encodeCbor({ entries })).to.throw(InvariantFault, 'two equal keys');
  });

  it('refuses a value nested deeper than its bound', () => {
    let value: CborInput = 0;
    for (let depth = 0; depth < 17; depth++) value = [value];
    expect(() => encodeCbor(value)).to.throw(InvariantFault, 'deeper');
  });

  it('writes what the strict reader reads back as the same value', () => {
    const { tree } = fc.letrec<{ tree: CborInput }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', maxDepth: 4, withCrossShrink: true },
        fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.constant(null),
        fc.array(tie('tree'), { maxLength: 5 }),
        fc
          .uniqueArray(fc.tuple(fc.string({ maxLength: 8 }), tie('tree')), { selector: ([key]) => key, maxLength: 5 })
          .map((entries) => ({ entries })),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(asInput(decodeCbor(encodeCbor(value)))).to.deep.equal(value);
      }),
    );
  });
});

function asInput(item: CborItem): CborInput {
  if (item.kind === 'null') return null;
  if (item.kind === 'array') return item.items.map(asInput);
  if (item.kind === 'map') return { entries: [...item.entries].map(([key, value]) => [key, asInput(value)] as const) };
  if (item.kind === 'bytes') return new Uint8Array(item.value);
  if (item.kind === 'integer' || item.kind === 'text') return item.value;
  throw new Error(`the writer never writes a ${item.kind}`);
}
