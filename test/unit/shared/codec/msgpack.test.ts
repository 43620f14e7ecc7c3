import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { concat, EMPTY, fromHex } from '#shared/bytes/bytes.ts';
import { bytesOf, bytesUpTo, decodeMsgpack, encodeMsgpack, exactly } from '#shared/codec/msgpack.ts';
import { isStrictMsgpack, NESTING_MAX } from '#shared/codec/msgpack-shape.ts';
import { InvariantFault } from '#shared/fault/fault.ts';

const Schema = exactly({ id: bytesOf(4), note: bytesUpTo(8), count: Type.Integer(), name: Type.String() });
const VALUE = { id: Uint8Array.of(1, 2, 3, 4), note: EMPTY, count: 70_000, name: 'ä' };

const hex = (text: string) => fromHex(text.replaceAll(' ', '')) ?? EMPTY;
const Anything = Type.Unknown();

/** Nil within `depth` arrays. */
const nested = (depth: number) => concat(new Uint8Array(depth).fill(0x91), Uint8Array.of(0xc0));

describe('MessagePack codec', () => {
  it('gives back what it encoded', () => {
    expect(decodeMsgpack(Schema, encodeMsgpack(VALUE), 1000)).to.deep.equal(VALUE);
  });

  it('writes the bytes of the specification', () => {
    expect(encodeMsgpack({ a: 1, b: Uint8Array.of(9), c: [true, null], d: 0.5 })).to.deep.equal(
      hex('84 a161 01 a162 c40109 a163 92c3c0 a164 cb3fe0000000000000'),
    );
  });

  it('answers with plain views of the input, also of a Buffer', () => {
    const bytes = Buffer.from(encodeMsgpack(VALUE));
    const id = decodeMsgpack(Schema, bytes, 1000)?.id;
    expect(id?.constructor).to.equal(Uint8Array);
    expect(id?.buffer).to.equal(bytes.buffer);
  });

  it('encodes into memory of its own', () => {
    const first = encodeMsgpack(VALUE);
    const copy = first.slice();
    encodeMsgpack({ ...VALUE, name: 'another' });
    expect(first).to.deep.equal(copy);
    expect(first.buffer.byteLength).to.equal(first.length);
  });

  it('refuses one byte more than the bound before it looks at any', () => {
    const bytes = encodeMsgpack(VALUE);
    expect(decodeMsgpack(Schema, bytes, bytes.length)).to.deep.equal(VALUE);
    expect(decodeMsgpack(Schema, bytes, bytes.length - 1)).to.equal(undefined);
  });

  it('refuses missing, unknown and misshapen fields', () => {
    const { name: _, ...missing } = VALUE;
    for (const other of [
      missing,
      { ...VALUE, more: 1 },
      { ...VALUE, id: new Uint8Array(5) },
      { ...VALUE, count: 1.5 },
      [],
      7,
    ]) {
      expect(decodeMsgpack(Schema, encodeMsgpack(other), 1000)).to.equal(undefined);
    }
  });

  it('refuses bytes after the value and every truncation', () => {
    const bytes = encodeMsgpack(VALUE);
    expect(decodeMsgpack(Schema, concat(bytes, Uint8Array.of(0xc0)), 1000)).to.equal(undefined);
    for (let i = 0; i < bytes.length; i++) expect(isStrictMsgpack(bytes.subarray(0, i)), `${i} bytes`).to.equal(false);
  });

  it('takes integers in any width, as long as they are exact as numbers', () => {
    const Count = exactly({ n: Type.Integer() });
    const cases: readonly [string, number][] = [
      ['05', 5],
      ['cc05', 5],
      ['cd0005', 5],
      ['ce00000005', 5],
      ['cf0000000000000005', 5],
      ['d3ffffffffffffffff', -1],
      ['cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
      ['cb4014000000000000', 5],
    ];
    for (const [encoded, n] of cases) expect(decodeMsgpack(Count, hex(`81 a16e ${encoded}`), 100)).to.deep.equal({ n });
    for (const encoded of ['cf0020000000000000', 'd37fffffffffffffff', 'd38000000000000000']) {
      expect(decodeMsgpack(Count, hex(`81 a16e ${encoded}`), 100), encoded).to.equal(undefined);
    }
  });

  const refused: Readonly<Record<string, string>> = {
    'a doubled key': '82 a161 01 a161 02',
    'a doubled key in another width': '82 a161 01 d90161 02',
    'the key __proto__': '81 a95f5f70726f746f5f5f 80',
    'the key constructor': '81 ab636f6e7374727563746f72 80',
    'a key that is no text': '81 01 02',
    'a key of bytes': '81 c40161 02',
    'text that is no UTF-8': 'a2c328',
    'a key that is no UTF-8': '81 a1ff 01',
    'float 32': 'ca3f000000',
    'the unused 0xc1': 'c1',
    'ext 8': 'c7010500',
    'ext 16': 'c800010500',
    'ext 32': 'c9000000010500',
    'a timestamp': 'd6ff00000000',
    'a record definition of the decoder': 'd4720191a16101',
    'an undefined of the encoder': 'd40000',
    'a set': 'd4730091 01',
    'an array longer than its bytes': 'ddffffffff',
    'a map longer than its bytes': 'dfffffffff',
    'bytes longer than the input': 'c6ffffffff00',
    'text longer than the input': 'dbffffffff00',
    nothing: '',
  };
  for (const [what, encoded] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      expect(decodeMsgpack(Anything, hex(encoded), 1000)).to.equal(undefined);
      expect(decodeMsgpack(Anything, concat(hex('81 a178'), hex(encoded)), 1000)).to.equal(undefined);
    });
  }

  it('refuses what is nested deeper than any message', () => {
    expect(isStrictMsgpack(nested(NESTING_MAX))).to.equal(true);
    expect(isStrictMsgpack(nested(NESTING_MAX + 1))).to.equal(false);
    expect(isStrictMsgpack(nested(100_000))).to.equal(false);
  });

  it('stops when asked to encode what the protocol does not speak', () => {
    for (const value of [{ a: undefined }, { a: new Date(0) }, { a: 2n ** 70n }]) {
      expect(() => encodeMsgpack(value)).to.throw();
    }
    expect(() => encodeMsgpack({ a: undefined })).to.throw(InvariantFault);
  });
});
