import { expect } from 'chai';
import { parseRange } from '#host/answer.ts';

describe('range requests', () => {
  for (const [header, expected] of [
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=5-', { start: 5, end: 9 }],
    ['bytes=5-99', { start: 5, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-99', { start: 0, end: 9 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['lines=0-1', undefined],
    [undefined, undefined],
  ] as const) {
    it(`of ten bytes, ${header} is ${JSON.stringify(expected) ?? 'the whole'}`, () => {
      expect(parseRange(header, 10)).to.deep.equal(expected);
    });
  }
});
