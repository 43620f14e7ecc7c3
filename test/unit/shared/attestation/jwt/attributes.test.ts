import { expect } from 'chai';
import { memberOf, textsOfMember } from '#shared/attestation/json.ts';
import { attributesOf, shownText } from '#shared/attestation/jwt/attributes.ts';
import { MalformedInput } from '#shared/attestation/malformed.ts';

const VOCABULARY = { attributes: { named: { type: 'text' } } } as const;

describe('claims as attributes', () => {
  it('are named by their path', () => {
    const payload = { a: { b: true, c: [1, 'x', { d: 2 }] }, 'e.f': 'g', n: null };
    expect(attributesOf(payload, VOCABULARY, {})).to.deep.equal({
      'a.b': true,
      'a.c.0': 1,
      'a.c.1': 'x',
      'a.c.2.d': 2,
      'e.f': 'g',
    });
  });

  it('are left out where two have the same path', () => {
    const payload = { 'a.b': 1, a: { b: 2, c: 3 }, d: ['x'], 'd.0': 'x' };
    expect(attributesOf(payload, VOCABULARY, {})).to.deep.equal({ 'a.c': 3 });
  });

  it('never stand in for one that the platform names', () => {
    expect(attributesOf({ named: 'a' }, VOCABULARY, { named: undefined })).to.deep.equal({});
    expect(attributesOf({ named: 'a' }, VOCABULARY, { named: 'b' })).to.deep.equal({ named: 'b' });
  });

  it('are left out where no policy can name them', () => {
    const payload = {
      ['x'.repeat(129)]: 1,
      deep: { ['y'.repeat(122)]: { z: 1 } },
      'a b': 1,
      ä: 1,
      '': 1,
      long: 'x'.repeat(513),
      escape: '\u001b[2J',
      infinite: Number.POSITIVE_INFINITY,
      kept: 'x'.repeat(512),
    };
    expect(Object.keys(attributesOf(payload, VOCABULARY, { other: '\n' }))).to.deep.equal(['kept']);
  });

  it('are never those that every object has', () => {
    const payload: unknown = JSON.parse('{"__proto__":{"x":1},"constructor":"y"}');
    const attributes = attributesOf(Object(payload), VOCABULARY, {});
    expect(Object.entries(attributes)).to.deep.equal([
      ['__proto__.x', 1],
      ['constructor', 'y'],
    ]);
    expect(memberOf({}, 'constructor')).to.equal(undefined);
    expect(memberOf({}, 'toString', 'name')).to.equal(undefined);
    expect(memberOf([1], '0')).to.equal(undefined);
  });

  it('are refused in a number that no token has, and never named where the name is too long', () => {
    const many = (count: number, key: string) => ({ [key]: Array.from({ length: count }, (_, i) => i) });
    expect(Object.keys(attributesOf(many(1000, 'k'), VOCABULARY, {}))).to.have.lengthOf(1000);
    expect(() => attributesOf(many(1001, 'k'), VOCABULARY, {})).to.throw(MalformedInput, 'more than 1000');
    expect(attributesOf(many(4000, 'k'.repeat(16_000)), VOCABULARY, {})).to.deep.equal({});
  });
});

describe('texts of a claim', () => {
  it('are one, several or none, whatever else a list holds', () => {
    expect(textsOfMember({ a: 'x' }, 'a')).to.deep.equal(['x']);
    expect(textsOfMember({ a: ['x', 5, null, 'y'] }, 'a')).to.deep.equal(['x', 'y']);
    expect(textsOfMember({ a: 5 }, 'a')).to.deep.equal([]);
    expect(textsOfMember({}, 'a')).to.deep.equal([]);
  });

  it('are shown in part, and without control characters', () => {
    expect(shownText(`\u0000a\u009bb\u202e${'c'.repeat(200)}`)).to.match(/^\?a\?b\?c{91}$/);
  });
});
