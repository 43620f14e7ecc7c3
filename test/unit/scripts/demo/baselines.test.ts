import { expect } from 'chai';
import { concatenate } from '#client/data/dataset.ts';
import { loadTensorBackend } from '#client/trainer/tensor-backend.ts';
import {
  type BaselineProgress,
  federateInClear,
  scoreLocalOnly,
  scoreOf,
  scorePooled,
  standardisationOf,
} from '#scripts/demo/baselines.ts';
import { readSource, splitForDemo } from '#scripts/demo/split.ts';
import { breastCancerStudy, learningStudy, standardiseStudy } from '#scripts/demo/study.ts';
import { fromBase64 } from '#shared/bytes/base64.ts';
import { tensorsOfTopology } from '#shared/model/layers-topology.ts';
import { valueCount } from '#shared/model/layout.ts';
import { floatsOf } from '#shared/model/parameters.ts';

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the demo study, in the clear', () => {
  it('has initial weights for every parameter of its topology', () => {
    const { model } = breastCancerStudy();
    if (model.kind !== 'layers' || typeof model.initial === 'string' || !('inline' in model.initial))
      throw new Error('another model');
    const reading = tensorsOfTopology(model.topology);
    if (reading.kind === 'problem') throw new Error(reading.message);
    const weights = floatsOf(fromBase64(model.initial.inline) ?? new Uint8Array());
    expect(weights?.length)
      .to.equal(reading.tensors.reduce((sum, { shape }) => sum + valueCount(shape), 0))
      .and.to.equal(513);
    expect(weights).to.deep.equal(learningStudy().initialWeights);
  });

  it('asks for one uniform round of moments first, with every hospital in it', () => {
    const { model, rounds, aggregation } = standardiseStudy();
    expect(model.kind === 'tensors' ? model.tensors : []).to.deep.equal([
      { name: 'rows', shape: [1] },
      { name: 'sum', shape: [30] },
      { name: 'squares', shape: [30] },
    ]);
    expect([rounds.count, rounds.quorum, aggregation.weighting.kind]).to.deep.equal([1, 4, 'uniform']);
  });

  for (const seed of [2026, 1]) {
    it(`beats the mean of the hospitals alone and stays within 2 points of pooled (seed ${seed})`, async () => {
      const backend = await loadTensorBackend();
      const { hospitals, test } = splitForDemo(await readSource(), seed);
      const progress: BaselineProgress[] = [];
      const options = {
        backend,
        study: learningStudy(seed),
        test,
        onProgress: (step: BaselineProgress) => void progress.push(step),
      };
      const held = backend.tf.memory().numTensors;

      const { weights, standardisation } = await federateInClear(options, hospitals);
      const federated = await scoreOf(options, weights, standardisation);
      const local = await scoreLocalOnly(options, hospitals);
      const pooled = await scorePooled(options, hospitals);

      expect(federated.accuracy).to.be.above(mean(local.map(({ accuracy }) => accuracy)));
      expect(federated.auc).to.be.above(mean(local.map(({ auc }) => auc)));
      expect(federated.logLoss).to.be.below(mean(local.map(({ logLoss }) => logLoss)));
      expect(pooled.accuracy - federated.accuracy).to.be.at.most(0.02);
      expect(pooled.auc - federated.auc).to.be.at.most(0.02);
      expect(progress.map(({ who }) => who).filter((who, index, all) => who !== all[index - 1])).to.deep.equal([
        'federated',
        'alder',
        'birch',
        'cedar',
        'dogwood',
        'pooled',
      ]);
      expect(progress).to.have.length(6 * 24);
      expect(backend.tf.memory().numTensors).to.equal(held);
    });
  }

  it('standardises by everybody’s rows without pooling them', async () => {
    const backend = await loadTensorBackend();
    const { hospitals, test } = splitForDemo(await readSource());
    const { standardisation } = await federateInClear(
      { backend, study: { ...learningStudy(), rounds: 0 }, test },
      hospitals,
    );
    const [first, ...others] = hospitals.map(({ dataset }) => dataset);
    if (first === undefined) throw new Error('no hospitals');
    const pooled = standardisationOf(concatenate(first, ...others));
    pooled.mean.forEach((value, feature) => {
      expect(standardisation.mean[feature]).to.be.closeTo(value, Math.abs(value) * 1e-6);
      // The feature that varies least against its mean here has r = 9, so (1 + r²) · 2^-22 is 2e-5.
      const deviation = pooled.deviation[feature] ?? 0;
      expect(standardisation.deviation[feature]).to.be.closeTo(deviation, deviation * 2e-5);
    });
  });

  it('stops when it is told to', async () => {
    const reason = new Error('enough');
    const options = {
      backend: await loadTensorBackend(),
      study: learningStudy(),
      test: splitForDemo(await readSource()).test,
      signal: AbortSignal.abort(reason),
    };
    const { hospitals } = splitForDemo(await readSource());
    expect(await scorePooled(options, hospitals).catch((error: unknown) => error)).to.equal(reason);
    expect(await federateInClear(options, hospitals).catch((error: unknown) => error)).to.equal(reason);
  });
});
