import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCsv } from '#client/data/csv.ts';
import {
  HOSPITAL_QUOTAS,
  LABEL_COLUMN,
  readSource,
  splitForDemo,
  splitIndices,
  writeSplit,
} from '#scripts/demo/split.ts';
import { Fault } from '#shared/fault/fault.ts';

const share = (labels: Float32Array): number => labels.reduce((sum, label) => sum + label, 0) / labels.length;

describe('the demo split', () => {
  it('reads the published file: 569 rows of 30 features, 212 of them malignant', async () => {
    const source = await readSource();
    expect([source.rows, source.featureCount, source.labels.reduce((sum, label) => sum + label, 0)]).to.deep.equal([
      569, 30, 212,
    ]);
    expect(source.features[0]).to.equal(Math.fround(17.99));
    expect(source.labels[0]).to.equal(1);
  });

  it('gives every row to exactly one part, whatever the seed', async () => {
    const { labels } = await readSource();
    for (const seed of [0, 1, 2026]) {
      const { hospitals, test } = splitIndices(labels, seed);
      const all = [test, ...hospitals].flatMap((part) => [...part]).toSorted((left, right) => left - right);
      expect(all).to.deep.equal([...labels.keys()]);
    }
  });

  it('is the same for the same seed, and another for another', async () => {
    const { labels } = await readSource();
    expect(splitIndices(labels, 7)).to.deep.equal(splitIndices(labels, 7));
    expect(splitIndices(labels, 8)).not.to.deep.equal(splitIndices(labels, 7));
  });

  it('is stratified in the test set, and uneven in size and label among the hospitals', async () => {
    const source = await readSource();
    const { hospitals, test } = splitForDemo(source);
    expect(test.rows).to.equal(114);
    expect(share(test.labels)).to.be.closeTo(share(source.labels), 0.005);
    expect(hospitals.map(({ dataset }) => dataset.rows)).to.deep.equal([205, 114, 82, 54]);
    expect(hospitals.map(({ dataset }) => Math.round(100 * share(dataset.labels)))).to.deep.equal([20, 91, 5, 39]);
  });

  it('refuses labels that are not those of the set', () => {
    expect(() => splitIndices(new Float32Array(569), 1))
      .to.throw(Fault)
      .with.property('code', 'DATA_INVALID');
  });

  it('writes files that read back to the very same values', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloister-split-'));
    try {
      const split = splitForDemo(await readSource());
      const files = await writeSplit(split, join(folder, 'data'));
      expect(files.hospitals.map(({ id }) => id)).to.deep.equal(HOSPITAL_QUOTAS.map(({ id }) => id));
      expect(await readCsv(files.test, { label: LABEL_COLUMN })).to.deep.equal(split.test);
      for (const [index, { path }] of files.hospitals.entries()) {
        expect(await readCsv(path, { label: LABEL_COLUMN })).to.deep.equal(split.hospitals[index]?.dataset);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
