import { expect } from 'chai';
import { type Bench, figure } from '#scripts/bench/bench.ts';
import { reported, rowOf } from '#scripts/bench/report.ts';

const skipped = { kind: 'skipped', reason: 'no abacus' } as const;
const faster: Bench = {
  name: 'fold-vs-abacus',
  about: 'fold',
  aim: { direction: 'at least', ratio: 0.8 },
  run: async () => skipped,
};
const shorter: Bench = { ...faster, name: 'round-seconds', aim: { direction: 'at most', ratio: 1.25 } };

describe('the bench report', () => {
  it('divides value by baseline and says whether the aim is reached', () => {
    const found = figure({ value: 8, baseline: 10, unit: 'MB/s', notes: ['a note'] });
    expect(rowOf(faster, found)).to.match(/0\.80 +at least 0\.8: reached\n +a note$/);
    expect(rowOf(faster, figure({ ...found, value: 7.9 }))).to.include('MISSED');
    expect(rowOf(shorter, figure({ ...found, value: 12.5 }))).to.include('at most 1.25: reached');
    expect(rowOf(shorter, figure({ ...found, value: 12.6 }))).to.include('MISSED');
  });

  it('writes a figure as name, value, unit, baseline and ratio', () => {
    const found = figure({ value: 3, baseline: 4, unit: 's', notes: [] });
    expect(reported(shorter, found)).to.deep.equal([
      { name: 'round-seconds', value: 3, unit: 's', baseline: 4, ratio: 0.75 },
    ]);
  });

  it('names the reason of a skipped bench and leaves it out of the figures', () => {
    expect(rowOf(faster, skipped)).to.include('SKIPPED: no abacus');
    expect(reported(faster, skipped)).to.deep.equal([]);
  });
});
