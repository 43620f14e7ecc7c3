import { expect } from 'chai';
import fc from 'fast-check';
import { concatenate, type Dataset } from '#client/data/dataset.ts';
import { createMomentsTrainer } from '#client/trainer/moments-trainer.ts';
import { momentsLayout, standardisationFrom, standardise } from '#client/trainer/standardisation.ts';
import { Fault } from '#shared/fault/fault.ts';
import { valueCount } from '#shared/model/layout.ts';

const FEATURES = 3;

function datasetOf(rows: readonly (readonly number[])[]): Dataset {
  return {
    features: Float32Array.from(rows.flat()),
    labels: new Float32Array(rows.length),
    rows: rows.length,
    featureCount: FEATURES,
  };
}

const site = fc
  .array(
    fc.tuple(
      fc.double({ min: 50, max: 70, noNaN: true }),
      fc.integer({ min: -1000, max: 1000 }).map((value) => value * 1e-3),
      fc.integer({ min: 0, max: 1000 }).map((value) => value * 1e-6),
    ),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map(datasetOf);

const signal = new AbortController().signal;

/** What an enclave does with a uniform mean, in float32. */
async function uniformMean(sites: readonly Dataset[], global: Float32Array): Promise<Float32Array> {
  const results = await Promise.all(
    sites.map((dataset) => createMomentsTrainer(dataset).train({ global, round: 1, signal })),
  );
  return global.map(
    (value, index) => value + results.reduce((sum, { delta }) => sum + (delta[index] ?? 0), 0) / sites.length,
  );
}

/** Two passes in float64 over all rows in one place. */
function pooledMoments(dataset: Dataset, feature: number): { readonly mean: number; readonly variance: number } {
  const values = [...dataset.features].filter((_, index) => index % FEATURES === feature);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

describe('federated standardisation', () => {
  it('equals the statistics of the pooled rows within the stated error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(site, { minLength: 1, maxLength: 5 }), async (sites) => {
        const [first, ...others] = sites;
        if (first === undefined) return;
        const released = await uniformMean(sites, new Float32Array(1 + 2 * FEATURES));
        const { mean, deviation } = standardisationFrom(released);
        for (let feature = 0; feature < FEATURES; feature += 1) {
          const pooled = pooledMoments(concatenate(first, ...others), feature);
          const scale = Math.sqrt(pooled.variance + pooled.mean ** 2);
          expect(mean[feature]).to.be.closeTo(pooled.mean, scale * 2 ** -21);
          // Relative error of the variance: (1 + r²) · 2^-22 a rounding; a handful of roundings happen on the way.
          const tolerance = scale ** 2 * 2 ** -19;
          if (pooled.variance > 2 * tolerance)
            expect((deviation[feature] ?? 0) ** 2).to.be.closeTo(pooled.variance, tolerance);
        }
      }),
    );
  });

  it('gives the same moments from a release that is not zero', async () => {
    const sites = [
      datasetOf([
        [1, 2, 3],
        [4, 5, 7],
      ]),
      datasetOf([[0, 8, 1]]),
    ];
    const fromZero = await uniformMean(sites, new Float32Array(7));
    expect(await uniformMean(sites, new Float32Array(7).fill(2))).to.deep.equal(fromZero);
  });

  it('standardises to mean 0 and deviation 1, and leaves a constant feature at 0', async () => {
    const dataset = datasetOf([
      [1, 10, 7],
      [2, 20, 7],
      [3, 60, 7],
    ]);
    const { features } = standardise(dataset, standardisationFrom(await uniformMean([dataset], new Float32Array(7))));
    const deviation = Math.sqrt(2 / 3);
    expect(features[0]).to.be.closeTo(-1 / deviation, 1e-5);
    expect(features[3]).to.be.closeTo(0, 1e-6);
    expect([features[2], features[5], features[8]]).to.deep.equal([0, 0, 0]);
    expect(dataset.features[0]).to.equal(1);
  });

  it('refuses values that cannot be moments', () => {
    const refused = [
      [],
      [1],
      [1, 2],
      [0, 1, 1],
      [-1, 1, 1],
      [Number.NaN, 1, 1],
      [1, 1, Number.POSITIVE_INFINITY],
      [1, 3, 1],
    ];
    for (const values of refused) {
      expect(() => standardisationFrom(Float32Array.from(values)), String(values))
        .to.throw(Fault)
        .with.property('code', 'DATA_INVALID');
    }
  });
});

describe('createMomentsTrainer', () => {
  it('has as many values as its layout', async () => {
    const length = momentsLayout(FEATURES).reduce((sum, { shape }) => sum + valueCount(shape), 0);
    const { delta, examples, metrics } = await createMomentsTrainer(datasetOf([[1, 2, 3]])).train({
      global: new Float32Array(length),
      round: 1,
      signal,
    });
    expect([...delta]).to.deep.equal([1, 1, 2, 3, 1, 4, 9]);
    expect(examples).to.equal(1);
    expect(metrics).to.deep.equal({});
  });

  it('refuses a release of another length, an empty data set, and squares beyond float32', async () => {
    const trainer = createMomentsTrainer(datasetOf([[1, 2, 3]]));
    const failure = await trainer
      .train({ global: new Float32Array(6), round: 1, signal })
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Fault).with.property('code', 'TRAINER_FAILED');
    expect(() => createMomentsTrainer(datasetOf([])))
      .to.throw(Fault)
      .with.property('code', 'DATA_INVALID');
    expect(() => createMomentsTrainer(datasetOf([[1e20, 0, 0]])))
      .to.throw(Fault)
      .with.property('code', 'DATA_INVALID');
  });

  it('rejects with the reason of an aborted signal', async () => {
    const reason = new Error('the round ended');
    const input = { global: new Float32Array(7), round: 1, signal: AbortSignal.abort(reason) };
    expect(
      await createMomentsTrainer(datasetOf([[1, 2, 3]]))
        .train(input)
        .catch((error: unknown) => error),
    ).to.equal(reason);
  });
});
