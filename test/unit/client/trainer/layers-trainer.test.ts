import { expect } from 'chai';
import fc from 'fast-check';
import type { Dataset } from '#client/data/dataset.ts';
import { initialWeights } from '#client/trainer/initial-weights.ts';
import { createLayersModel } from '#client/trainer/layers-model.ts';
import { createLayersTrainer, type LayersTrainerOptions } from '#client/trainer/layers-trainer.ts';
import type { LayersTraining } from '#client/trainer/layers-training.ts';
import { seededRandom } from '#client/trainer/random.ts';
import { loadTensorBackend, type TensorBackend } from '#client/trainer/tensor-backend.ts';
import { Fault } from '#shared/fault/fault.ts';
import { tensorsOfTopology } from '#shared/model/layers-topology.ts';
import type { TensorSpec } from '#shared/model/layout.ts';

const FEATURES = 4;
const signal = new AbortController().signal;
const TRAINING: LayersTraining = {
  epochs: 2,
  batchSize: 8,
  learningRate: 0.1,
  optimizer: 'sgd',
  loss: 'binaryCrossentropy',
  seed: 3,
};

function topologyOf(
  hidden: number,
  outputs = 1,
  activation = outputs === 1 ? 'sigmoid' : 'softmax',
): Record<string, unknown> {
  const layers = [
    {
      class_name: 'Dense',
      config: { name: 'hidden', units: hidden, activation: 'relu', batch_input_shape: [null, FEATURES] },
    },
    { class_name: 'Dense', config: { name: 'out', units: outputs, activation } },
  ];
  return { class_name: 'Sequential', config: { name: 'small', layers } };
}

function layoutOf(topology: unknown): readonly TensorSpec[] {
  const reading = tensorsOfTopology(topology);
  if (reading.kind === 'problem') throw new Error(reading.message);
  return reading.tensors;
}

/** Rows whose label says whether the first feature is above the second; `classes` cuts the sum of two features instead. */
function separable(rows: number, classes = 2): Dataset {
  const random = seededRandom(11, rows);
  const features = new Float32Array(rows * FEATURES).map(() => 2 * random.uniform() - 1);
  const labels = new Float32Array(rows).map((_, row) => {
    const [first = 0, second = 0] = features.subarray(row * FEATURES);
    return classes === 2 ? Number(first > second) : Math.min(classes - 1, Math.floor(((first + 1) / 2) * classes));
  });
  return { features, labels, rows, featureCount: FEATURES };
}

describe('createLayersTrainer', () => {
  let backend: TensorBackend;
  before(async () => {
    backend = await loadTensorBackend();
  });

  function options(over: Partial<LayersTrainerOptions> = {}): LayersTrainerOptions {
    const topology = over.topology ?? topologyOf(5);
    return {
      backend,
      topology,
      layout: over.layout ?? layoutOf(topology),
      training: TRAINING,
      metrics: ['loss', 'accuracy'],
      dataset: separable(50),
      ...over,
    };
  }

  async function faultOf(over: Partial<LayersTrainerOptions>): Promise<unknown> {
    return createLayersTrainer(options(over)).then(
      (trainer) => trainer.dispose(),
      (error: unknown) => error,
    );
  }

  async function codeOf(over: Partial<LayersTrainerOptions>): Promise<unknown> {
    const fault = await faultOf(over);
    return fault instanceof Fault ? fault.code : fault;
  }

  it('gives the same delta for the same seed and round, and another for another', async () => {
    const global = initialWeights(layoutOf(topologyOf(5)), 1);
    const deltaOf = async (training: LayersTraining, round: number): Promise<number[]> => {
      const trainer = await createLayersTrainer(options({ training }));
      // What the trainer did before must not matter.
      await trainer.train({ global: global.map((weight) => weight * 2), round: 9, signal });
      const { delta } = await trainer.train({ global, round, signal });
      trainer.dispose();
      return [...delta];
    };
    const first = await deltaOf(TRAINING, 1);
    expect(await deltaOf(TRAINING, 1)).to.deep.equal(first);
    expect(await deltaOf(TRAINING, 2)).not.to.deep.equal(first);
    expect(await deltaOf({ ...TRAINING, seed: 4 }, 1)).not.to.deep.equal(first);
  });

  it('repeats itself with Adam too, whose moments do not outlive a round', async () => {
    const trainer = await createLayersTrainer(
      options({ training: { ...TRAINING, optimizer: 'adam', learningRate: 0.01 } }),
    );
    const global = initialWeights(layoutOf(topologyOf(5)), 1);
    const { delta } = await trainer.train({ global, round: 1, signal });
    await trainer.train({ global, round: 2, signal });
    expect((await trainer.train({ global, round: 1, signal })).delta).to.deep.equal(delta);
    trainer.dispose();
  });

  it('holds no more tensors after a round than before, and none after it was disposed of', async () => {
    const atStart = backend.tf.memory().numTensors;
    const trainer = await createLayersTrainer(options({ training: { ...TRAINING, optimizer: 'adam' } }));
    const global = initialWeights(layoutOf(topologyOf(5)), 1);
    await trainer.train({ global, round: 1, signal });
    const afterOne = backend.tf.memory().numTensors;
    await trainer.train({ global, round: 2, signal });
    expect(backend.tf.memory().numTensors).to.equal(afterOne);
    expect(afterOne - atStart).to.equal(4);
    trainer.dispose();
    expect(backend.tf.memory().numTensors).to.equal(atStart);
  });

  it('frees everything when it is stopped between two steps', async () => {
    const trainer = await createLayersTrainer(options());
    const held = backend.tf.memory().numTensors;
    const controller = new AbortController();
    const reason = new Error('the round ended');
    const training = trainer.train({ global: new Float32Array(31), round: 1, signal: controller.signal });
    controller.abort(reason);
    expect(await training.catch((error: unknown) => error)).to.equal(reason);
    expect(backend.tf.memory().numTensors).to.equal(held);
    trainer.dispose();
  });

  for (const loss of ['binaryCrossentropy', 'meanSquaredError', 'sparseCategoricalCrossentropy'] as const) {
    it(`lowers the loss over rounds of ${loss}`, async () => {
      const classes = loss === 'sparseCategoricalCrossentropy' ? 3 : 2;
      const topology = topologyOf(8, classes === 2 ? 1 : classes);
      const over = { topology, training: { ...TRAINING, loss }, dataset: separable(60, classes), metrics: ['loss'] };
      const trainer = await createLayersTrainer(options(over));
      let weights = initialWeights(layoutOf(topology), 1);
      const losses: number[] = [];
      for (let round = 1; round <= 6; round += 1) {
        const { delta, metrics, examples } = await trainer.train({ global: weights, round, signal });
        expect(examples).to.equal(60);
        losses.push(metrics['loss'] ?? Number.NaN);
        weights = weights.map((weight, index) => weight + (delta[index] ?? 0));
      }
      trainer.dispose();
      expect(losses.at(-1)).to.be.below(0.9 * (losses[0] ?? 0));
    });
  }

  it('measures the base release, and only what the study lists', async () => {
    const dataset = separable(50);
    const zeros = new Float32Array(31);
    const both = await createLayersTrainer(options({ dataset }));
    const { metrics } = await both.train({ global: zeros, round: 1, signal });
    // Zero weights put out 0.5 for everything, which counts as a 1.
    expect(metrics['loss']).to.be.closeTo(Math.log(2), 1e-5);
    expect(metrics['accuracy']).to.be.closeTo(dataset.labels.reduce((sum, label) => sum + label, 0) / 50, 1e-9);
    both.dispose();
    const none = await createLayersTrainer(options({ metrics: [] }));
    expect((await none.train({ global: zeros, round: 1, signal })).metrics).to.deep.equal({});
    none.dispose();
  });

  it('hands back as many values as the release holds, whatever the model, the rows and the batch', async () => {
    const sizes = fc.record({
      hidden: fc.integer({ min: 1, max: 9 }),
      rows: fc.integer({ min: 1, max: 20 }),
      batchSize: fc.integer({ min: 1, max: 25 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ hidden, rows, batchSize }) => {
        const topology = topologyOf(hidden);
        const global = initialWeights(layoutOf(topology), hidden);
        const before = global.slice();
        const trainer = await createLayersTrainer(
          options({ topology, training: { ...TRAINING, batchSize }, dataset: separable(rows) }),
        );
        const { delta } = await trainer.train({ global, round: 1, signal });
        trainer.dispose();
        expect(delta.length).to.equal(FEATURES * hidden + 2 * hidden + 1);
        expect(delta.every(Number.isFinite)).to.equal(true);
        expect(global).to.deep.equal(before);
      }),
      { numRuns: 15 },
    );
  });

  it('fails when the weights diverge, instead of sending NaN', async () => {
    const topology = topologyOf(5, 1, 'linear');
    const training = { ...TRAINING, loss: 'meanSquaredError', learningRate: 1000, epochs: 10 } as const;
    const trainer = await createLayersTrainer(options({ topology, training, metrics: ['loss'] }));
    const global = initialWeights(layoutOf(topology), 1);
    const failure = await trainer.train({ global, round: 1, signal }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Fault).with.property('code', 'TRAINER_FAILED');
    trainer.dispose();
  });

  it('fails for a release of another length', async () => {
    const trainer = await createLayersTrainer(options());
    const failure = await trainer
      .train({ global: new Float32Array(30), round: 1, signal })
      .catch((error: unknown) => error);
    expect(failure)
      .to.be.instanceOf(Fault)
      .with.property('message')
      .that.includes('30 weights; the model of the study has 31');
    trainer.dispose();
  });

  it('refuses a layout whose names, shapes or order are not the model’s, and leaves no tensor behind', async () => {
    const held = backend.tf.memory().numTensors;
    const [first, second, ...rest] = layoutOf(topologyOf(5));
    if (first === undefined || second === undefined) throw new Error('a layout of one tensor');
    for (const layout of [
      [second, first, ...rest],
      [first, second],
      [{ ...first, shape: [5, 4] }, second, ...rest],
      [{ ...first, name: 'x' }, second, ...rest],
    ]) {
      expect(await faultOf({ layout }))
        .to.be.instanceOf(Fault)
        .with.property('code', 'TRAINER_FAILED');
    }
    expect(backend.tf.memory().numTensors).to.equal(held);
  });

  it('refuses a topology that cannot be built', async () => {
    expect(
      await faultOf({
        topology: { class_name: 'Sequential', config: { layers: [{ class_name: 'Nonsense', config: {} }] } },
        layout: [],
      }),
    )
      .to.be.instanceOf(Fault)
      .with.property('code', 'TRAINER_FAILED');
  });

  it('refuses metrics, losses and data that do not fit the model', async () => {
    const dataset = separable(5);
    expect(await codeOf({ metrics: ['f1'] })).to.equal('TRAINER_FAILED');
    expect(await codeOf({ metrics: ['accuracy'], training: { ...TRAINING, loss: 'meanSquaredError' } })).to.equal(
      'TRAINER_FAILED',
    );
    expect(await codeOf({ training: { ...TRAINING, loss: 'sparseCategoricalCrossentropy' } })).to.equal(
      'TRAINER_FAILED',
    );
    expect(await codeOf({ topology: topologyOf(5, 3) })).to.equal('TRAINER_FAILED');
    expect(await codeOf({ dataset: { ...dataset, featureCount: 5, rows: 4 } })).to.equal('DATA_INVALID');
    expect(await codeOf({ dataset: { ...dataset, labels: dataset.labels.map(() => 2) } })).to.equal('DATA_INVALID');
    expect(await codeOf({ dataset: { ...dataset, labels: dataset.labels.map(() => 0.5) } })).to.equal('DATA_INVALID');
    const empty = { features: new Float32Array(), labels: new Float32Array(), rows: 0, featureCount: FEATURES };
    expect(await codeOf({ dataset: empty })).to.equal('DATA_INVALID');
  });
});

describe('createLayersModel', () => {
  it('puts the flat weights where the layout says, and reads them back', async () => {
    const backend = await loadTensorBackend();
    const topology = {
      class_name: 'Sequential',
      config: {
        name: 'one',
        layers: [
          {
            class_name: 'Dense',
            config: { name: 'out', units: 2, activation: 'linear', batch_input_shape: [null, 2] },
          },
        ],
      },
    };
    const model = await createLayersModel(backend, topology, layoutOf(topology));
    const flat = Float32Array.of(1, 2, 3, 4, 10, 20);
    model.setWeights(flat);
    expect(model.weights()).to.deep.equal(flat);
    // [1 10] · [[1 2] [3 4]] + [10 20], and [0 1] likewise.
    expect([...model.predict(Float32Array.of(1, 10, 0, 1), 2)]).to.deep.equal([41, 62, 13, 24]);
    model.dispose();
  });
});
