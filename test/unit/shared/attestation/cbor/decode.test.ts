import { expect } from 'chai';
import { CBOR_LIMITS, type CborItem, type CborSpelling, decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { concat, fromHex } from '#shared/bytes/bytes.ts';

const integer = (value: number): CborItem => ({ kind: 'integer', value });
const nested = (depth: number): Uint8Array => concat(new Uint8Array(depth).fill(0x81), Uint8Array.of(0));
const filled = (head: number, item: readonly number[], count: number): Uint8Array =>
  concat(Uint8Array.of(head), ...Array.from({ length: count }, () => Uint8Array.from(item)), Uint8Array.of(0xff));
const bug = (): never => {
  throw new TypeError('a bug');
};

describe('CBOR reader', () => {
  it('reads each kind of item', () => {
    const cases: readonly (readonly [string, CborItem])[] = [
      ['00', integer(0)],
      ['17', integer(23)],
      ['1818', integer(24)],
      ['190100', integer(256)],
      ['1a00010000', integer(65_536)],
      ['1b0000000100000000', integer(2 ** 32)],
      ['1b001fffffffffffff', integer(Number.MAX_SAFE_INTEGER)],
      ['3822', integer(-35)],
      ['43010203', { kind: 'bytes', value: Uint8Array.of(1, 2, 3) }],
      ['63c3a961', { kind: 'text', value: 'éa' }],
      ['820102', { kind: 'array', items: [integer(1), integer(2)] }],
      ['a1016161', { kind: 'map', entries: new Map([[1, { kind: 'text', value: 'a' }]]) }],
      ['d28100', { kind: 'tag', tag: 18, item: { kind: 'array', items: [integer(0)] } }],
      ['f4', { kind: 'boolean', value: false }],
      ['f5', { kind: 'boolean', value: true }],
      ['f6', { kind: 'null' }],
    ];
    for (const [hex, item] of cases) expect(decodeCbor(bytes(hex)), hex).to.deep.equal(item);
  });

  it('reads indefinite arrays, maps and strings', () => {
    expect(decodeCbor(bytes('9f0102ff'))).to.deep.equal(decodeCbor(bytes('820102')));
    expect(decodeCbor(bytes('bf016161ff'))).to.deep.equal(decodeCbor(bytes('a1016161')));
    expect(decodeCbor(bytes('5f4101420203ff'))).to.deep.equal(decodeCbor(bytes('43010203')));
    expect(decodeCbor(bytes('7f61c361a9ff'))).to.deep.equal({ kind: 'text', value: 'é' });
    expect(decodeCbor(bytes('9fff'))).to.deep.equal({ kind: 'array', items: [] });
  });

  it('gives definite byte strings as views of the input', () => {
    const input = bytes('43010203');
    const item = decodeCbor(input);
    expect(item.kind === 'bytes' && item.value.buffer === input.buffer && item.value.byteOffset).to.equal(1);
  });

  it('keeps keys with names of object internals apart from everything else', () => {
    const item = decodeCbor(bytes('a1695f5f70726f746f5f5f00'));
    expect(item.kind === 'map' && [...item.entries.keys()]).to.deep.equal(['__proto__']);
  });

  const refused: Readonly<Record<string, readonly [string, string]>> = {
    'an empty input': ['', 'ends at offset 0'],
    'a head cut short': ['19', 'ends early'],
    'a string cut short': ['4301', 'ends early'],
    'an array cut short': ['8201', 'ends at offset 2'],
    'an indefinite array without its break': ['9f01', 'ends at offset 2'],
    'a map that breaks after a key': ['bf01ff', 'stray break'],
    'reserved additional information': ['1c', 'reserved'],
    'an indefinite integer': ['1f', 'indefinite length'],
    'an indefinite negative integer': ['3f', 'indefinite length'],
    'an indefinite tag': ['df00', 'indefinite length'],
    'a chunk of another type': ['5f6161ff', 'chunk of major type'],
    'a chunk of indefinite length': ['5f5f4101ffff', 'indefinite length'],
    'text that is not UTF-8': ['61ff', 'not UTF-8'],
    'a key twice': ['a201000100', 'occurs twice'],
    'a key twice, spelled in chunks': ['a26161007f6161ff00', 'occurs twice'],
    'a byte string as a key': ['a1410100', 'key of kind bytes'],
    undefined: ['f7', 'simple value'],
    'a half-precision float': ['f93c00', 'simple value'],
    'a float of eight bytes': ['fb3ff0000000000001', 'CBOR'],
    'a stray break': ['ff', 'stray break'],
    'an integer beyond 2^53 - 1': ['1b0020000000000000', 'beyond 2^53'],
    'an integer in one byte too many': ['1817', 'would do'],
    'a length in two bytes too many': ['59000101', 'would do'],
    'a length in four bytes too many': ['5a0000000101', 'would do'],
    'an integer in eight bytes where four would do': ['1b00000000ffffffff', 'would do'],
    'a length beyond the input': ['5b001fffffffffffff', 'ends early'],
    'an array longer than the input': ['9b001fffffffffffff', 'ends at offset'],
  };
  for (const [name, [hex, detail]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      expect(refusal(bytes(hex)))
        .to.include({ code: 'MALFORMED' })
        .with.property('detail')
        .that.includes(detail);
    });
  }

  it('refuses bytes after the item by a code of its own', () => {
    expect(refusal(bytes('0000'))).to.include({ code: 'TRAILING_DATA' });
  });

  it('reads longer spellings where the caller takes any', () => {
    expect(decodeCbor(bytes('a101390022'), 'any')).to.deep.equal(decodeCbor(bytes('a1013822')));
    expect(refusal(bytes('a101390022'), 'shortest')).to.include({ code: 'MALFORMED' });
  });

  it('refuses one level of nesting more than the limit', () => {
    expect(refusal(nested(CBOR_LIMITS.depth))).to.equal(undefined);
    expect(refusal(nested(CBOR_LIMITS.depth + 1))?.detail).to.include('deeper');
    expect(refusal(nested(60_000))?.detail).to.include('deeper');
  });

  it('refuses one item more than the limit, chunks of a string among them', () => {
    expect(refusal(filled(0x9f, [0], CBOR_LIMITS.items - 1))).to.equal(undefined);
    expect(refusal(filled(0x9f, [0], CBOR_LIMITS.items))?.detail).to.include('items');
    expect(refusal(filled(0x5f, [0x41, 0], CBOR_LIMITS.items))?.detail).to.include('items');
  });

  it('refuses one byte more than the limit without reading it', () => {
    expect(refusal(new Uint8Array(CBOR_LIMITS.bytes + 1))?.detail).to.include('at most');
  });

  it('lets an error of ours pass through', () => {
    expect(() => attempt(bug)).to.throw(TypeError, 'a bug');
  });
});

function refusal(
  input: Uint8Array,
  spelling?: CborSpelling,
): { readonly code: string; readonly detail: string } | undefined {
  const result = attempt(() => decodeCbor(input, spelling));
  return result.kind === 'refused' ? result.reason : undefined;
}

function bytes(hex: string): Uint8Array {
  const found = fromHex(hex);
  if (found === undefined) throw new Error(`not hexadecimal: ${hex}`);
  return found;
}
