import { expect } from 'chai';
import { judgedAs, type Outline, outlineFrom } from '#client/vectors/conditions.ts';
import type { VectorFiles } from '#client/vectors/vector-platform.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { CURRENT_MS, testChip } from '#test/fakes/tee/amd.ts';
import { AT_MS } from '#test/fakes/tee/emulator.ts';

const NOW_MS = Date.parse('2027-01-01T00:00:00Z');
const OUTLINE: Outline = {
  verdicts: [
    { at: '2026-01-01T00:00:00Z', collateral: 'collateral-2026-01-01.json' },
    { at: '2026-02-01T00:00:00Z', crl: null, trust: 'no key pinned' },
    { at: '2026-02-01T00:00:00Z', crl: 'crl.der' },
  ],
};

function filesOf(...names: readonly string[]): VectorFiles {
  return new Map(names.map((name) => [name, utf8('{}')]));
}

function at(time: string): number {
  return Date.parse(time);
}

describe('how a single sample is judged', () => {
  it('at the stated time, else at that of the first verdict, else now', () => {
    const judged = (outline: Outline, statedMs: number | undefined) =>
      judgedAs(outline, filesOf(), { statedMs, nowMs: NOW_MS }).atMs;
    expect(judged(OUTLINE, AT_MS)).to.equal(AT_MS);
    expect(judged(OUTLINE, undefined)).to.equal(at('2026-01-01T00:00:00Z'));
    expect(judged({}, undefined)).to.equal(NOW_MS);
  });

  it('under the conditions of the verdict of that time, the one that asks for a CRL before others', () => {
    const conditions = (time: string) =>
      judgedAs(OUTLINE, filesOf('crl.der'), { statedMs: at(time), nowMs: NOW_MS }).conditions;
    expect(conditions('2026-01-01T00:00:00Z')).to.include({ collateral: 'collateral-2026-01-01.json' });
    expect(conditions('2026-02-01T00:00:00Z')).to.include({ crl: 'crl.der' }).and.not.have.property('trust');
  });

  it('under those of a verdict for any time, at every time', () => {
    const outline: Outline = { verdicts: [{ at: 'any', trust: 'a key' }] };
    const judged = judgedAs(outline, filesOf(), { statedMs: AT_MS, nowMs: NOW_MS });
    expect(judged.conditions).to.include({ trust: 'a key' });
  });

  it('with the collateral of the latest date by then, or the earliest where all are later', () => {
    const files = filesOf('collateral-2026-05-01.json', 'collateral-2026-01-01.json', 'collateral.txt', 'quote.bin');
    const collateral = (time: string) =>
      judgedAs({}, files, { statedMs: at(time), nowMs: NOW_MS }).conditions.collateral;
    expect(collateral('2026-04-30T23:59:59Z')).to.equal('collateral-2026-01-01.json');
    expect(collateral('2026-05-01T00:00:00Z')).to.equal('collateral-2026-05-01.json');
    expect(collateral('2025-01-01T00:00:00Z')).to.equal('collateral-2026-01-01.json');
    expect(judgedAs({}, filesOf(), { statedMs: AT_MS, nowMs: NOW_MS }).conditions).to.deep.equal({ crl: null });
  });

  it('with crl.der unless it was published later; one that cannot be read is asked for', async () => {
    const { crl } = await testChip();
    const asked = (bytes: Uint8Array, statedMs: number) =>
      judgedAs({}, new Map([['crl.der', bytes]]), { statedMs, nowMs: NOW_MS }).conditions.crl;
    expect(asked(crl, CURRENT_MS[0])).to.equal('crl.der');
    expect(asked(crl, CURRENT_MS[0] - 1000)).to.equal(null);
    expect(asked(crl, CURRENT_MS[1] + 1000)).to.equal('crl.der');
    expect(asked(utf8('no list'), CURRENT_MS[0])).to.equal('crl.der');
  });

  it('with the root that all verdicts name, at other times too, and with none where they differ', () => {
    const conditions = (...anchors: readonly string[]) => {
      const verdicts = anchors.map((trust_anchor) => ({ at: '2020-01-01T00:00:00Z', trust_anchor }));
      return judgedAs({ verdicts }, filesOf(), { statedMs: AT_MS, nowMs: NOW_MS }).conditions;
    };
    expect(conditions('root.pem', 'root.pem')).to.deep.equal({ trust_anchor: 'root.pem', crl: null });
    expect(conditions('root.pem', 'production')).to.deep.equal({ crl: null });
  });

  it('never at a time that is none', () => {
    const judge = () => judgedAs({ verdicts: [{ at: 'soon' }] }, filesOf(), { statedMs: undefined, nowMs: NOW_MS });
    expect(judge).to.throw().with.property('code', 'CONFIG_INVALID');
  });
});

describe('an expected.json that may leave out what to find', () => {
  it('is read with what it has', () => {
    for (const json of [{}, { platform: 'aws-nitro', files: {} }, { verdicts: [{ at: 'any', reasons: [] }] }]) {
      expect(outlineFrom(json, 'sample')).to.deep.equal(json);
    }
  });

  it('is refused where it is something else', () => {
    for (const json of [[], 'text', null, { verdicts: {} }, { verdicts: [{}] }, { platform: 1 }]) {
      expect(() => outlineFrom(json, 'sample'), JSON.stringify(json))
        .to.throw()
        .with.property('code', 'CONFIG_INVALID');
    }
  });
});
