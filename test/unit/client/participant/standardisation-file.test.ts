import { expect } from 'chai';
import { decodeStandardisation, encodeStandardisation } from '#client/participant/standardisation-file.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';

describe('the standardisation file', () => {
  it('comes back exactly as it was', () => {
    const standardisation = { mean: Float32Array.of(0.1, -3e8), deviation: Float32Array.of(1e-20, 7) };
    expect(decodeStandardisation(encodeStandardisation(standardisation), 2)).to.deep.equal(standardisation);
  });

  it('is refused for another number of features, and when it is anything else', () => {
    const good = '{"mean":[1],"deviation":[1]}';
    expect(() => decodeStandardisation(utf8(good), 2)).to.throw(Fault, 'expected 2');
    for (const text of ['', '[]', '{"mean":[1]}', '{"mean":[1],"deviation":[0]}', '{"mean":["1"],"deviation":[1]}']) {
      expect(() => decodeStandardisation(utf8(text), 1), text).to.throw(Fault, 'moments');
    }
    expect(decodeStandardisation(utf8(good), 1).mean).to.deep.equal(Float32Array.of(1));
  });
});
