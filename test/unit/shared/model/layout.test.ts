import { expect } from 'chai';
import fc from 'fast-check';
import { concat, lengthPrefixed, toHex, u32be, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { layoutOf, layoutProblems, type TensorSpec } from '#shared/model/layout.ts';

const tensors: readonly TensorSpec[] = [
  { name: 'dense/kernel', shape: [30, 16] },
  { name: 'dense/bias', shape: [16] },
  { name: 'scale', shape: [] },
];

const specs = fc.uniqueArray(
  fc.record({
    name: fc.string({ unit: fc.constantFrom('a', 'b', '/', '1'), minLength: 1, maxLength: 6 }),
    shape: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 5, selector: ({ name }) => name },
);

describe('layout', () => {
  it('counts parameters and bytes, a scalar as one', () => {
    const layout = layoutOf(tensors, nodeCrypto);
    expect(layout.parameterCount).to.equal(30 * 16 + 16 + 1);
    expect(layout.bytes).to.equal(4 * layout.parameterCount);
  });

  it('has the digest that the protocol spells', () => {
    const bytes = lengthPrefixed(
      utf8('cloister/v1/layout'),
      utf8('dense/kernel'),
      concat(u32be(30), u32be(16)),
      utf8('dense/bias'),
      u32be(16),
      utf8('scale'),
      new Uint8Array(0),
    );
    expect(layoutOf(tensors, nodeCrypto).digest).to.deep.equal(nodeCrypto.digest('sha256', bytes));
  });

  it('has one digest for each list of names and shapes', () => {
    fc.assert(
      fc.property(specs, specs, (first, second) => {
        const same = JSON.stringify(first) === JSON.stringify(second);
        const digests = [first, second].map((list) => toHex(layoutOf(list, nodeCrypto).digest));
        expect(digests[0] === digests[1]).to.equal(same);
      }),
    );
  });

  it('is not changed by what becomes of the list it was made from', () => {
    const shape = [2, 3];
    const layout = layoutOf([{ name: 'w', shape }], nodeCrypto);
    shape[0] = 9;
    expect(layout.tensors[0]?.shape).to.deep.equal([2, 3]);
  });

  const refused: readonly (readonly [string, readonly TensorSpec[], RegExp])[] = [
    ['no tensors', [], /at least one/],
    [
      'too many tensors',
      Array.from({ length: 4097 }, (_, index) => ({ name: `w${index}`, shape: [1] })),
      /at most 4096/,
    ],
    ['nine dimensions', [{ name: 'w', shape: Array.from({ length: 9 }, () => 1) }], /at most 8/],
    ['a dimension of 0', [{ name: 'w', shape: [0] }], /dimension of 0/],
    ['a negative dimension', [{ name: 'w', shape: [-1] }], /dimension of -1/],
    ['a fraction', [{ name: 'w', shape: [1.5] }], /dimension of 1.5/],
    ['NaN', [{ name: 'w', shape: [Number.NaN] }], /dimension of NaN/],
    [
      'a doubled name',
      [
        { name: 'w', shape: [1] },
        { name: 'w', shape: [2] },
      ],
      /appears twice/,
    ],
    ['an empty name', [{ name: '', shape: [1] }], /visible ASCII/],
    ['a name with a space', [{ name: 'a b', shape: [1] }], /visible ASCII/],
    [
      'one parameter too many',
      [
        { name: 'w', shape: [2 ** 28] },
        { name: 'b', shape: [1] },
      ],
      /268435457 parameters/,
    ],
  ];
  for (const [what, list, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(
        layoutProblems(list)
          .map((problem) => problem.message)
          .join(),
      ).to.match(message);
      expect(() => layoutOf(list, nodeCrypto))
        .to.throw(Fault)
        .with.property('code', 'MANIFEST_INVALID');
    });
  }
});
