import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import { exactly } from '#shared/codec/msgpack.ts';

const Schema = exactly({ a: Type.String(), b: exactly({ a: Type.Array(Type.Number()) }) });
const decode = (text: string) => decodeJson(Schema, utf8(text), 200);

describe('JSON decoder', () => {
  it('reads what satisfies the schema, the same key in different objects', () => {
    expect(decode('{"a":"{\\"a\\":1,","b":{"a":[1,2]}}')).to.deep.equal({ a: '{"a":1,', b: { a: [1, 2] } });
  });

  const refused: Readonly<Record<string, string>> = {
    'a doubled key': '{"a":"x","a":"y","b":{"a":[]}}',
    'a doubled key spelt with an escape': '{"a":"x","\\u0061":"y","b":{"a":[]}}',
    'a doubled key in an inner object': '{"a":"x","b":{"a":[],"a":[]}}',
    'an unknown key': '{"a":"x","b":{"a":[]},"c":1}',
    'the key __proto__': '{"a":"x","b":{"a":[]},"__proto__":{}}',
    'a missing key': '{"a":"x"}',
    'bytes after the value': '{"a":"x","b":{"a":[]}}x',
    'what is no JSON': '{a:1}',
    'a byte order mark': '\ufeff{"a":"x","b":{"a":[]}}',
    nothing: '',
  };
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, () => expect(decode(text)).to.equal(undefined));
  }

  it('finds a doubled key anywhere, and takes a colon in a string for text', () => {
    const any = (text: string) => decodeJson(Type.Unknown(), utf8(text), 100_000);
    for (const text of ['[{"a":1,"a":1}]', '{"a":{"b":{}, "b" :{}}}', '{"":0,"":0}', '{"__proto__":1,"__proto__":2}']) {
      expect(any(text), text).to.equal(undefined);
    }
    for (const text of ['{":":":","\\":":[{},[":"],null]}', '{"a":1,"A":1}', '":"', '[]', '{"__proto__":{"a":1}}']) {
      expect(any(text), text).to.deep.equal(JSON.parse(text));
    }
    expect(any(`${'['.repeat(40_000)}{"a":1,"a":1}${']'.repeat(40_000)}`)).to.equal(undefined);
    expect(any(`${'['.repeat(40_000)}${']'.repeat(40_000)}`)).to.be.an('array');
  });

  it('refuses what is no UTF-8', () => {
    const bytes = concat(utf8('{"a":"'), Uint8Array.of(0xff), utf8('","b":{"a":[]}}'));
    expect(decodeJson(Schema, bytes, 200)).to.equal(undefined);
  });

  it('refuses one byte more than the bound', () => {
    const bytes = utf8('{"a":"x","b":{"a":[]}}');
    expect(decodeJson(Schema, bytes, bytes.length)).to.not.equal(undefined);
    expect(decodeJson(Schema, bytes, bytes.length - 1)).to.equal(undefined);
  });
});
