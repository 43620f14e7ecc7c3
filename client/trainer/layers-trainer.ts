import { type Dataset, selectRows } from '#client/data/dataset.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { TensorSpec } from '#shared/model/layout.ts';
import { allFinite } from '#shared/model/parameters.ts';
import { createLayersModel, type LayersModel, type LayersTopology } from './layers-model.ts';
import type { LayersTraining } from './layers-training.ts';
import { accuracy, categoricalAccuracy } from './metrics.ts';
import { seededRandom, shuffledIndices } from './random.ts';
import type { TensorBackend } from './tensor-backend.ts';
import type { Trainer, TrainingInput, TrainingResult } from './trainer.ts';

/**
 * What a layers trainer can measure: how the *base release* does on this participant's examples, before any local step.
 * The mean over the cohort is then a federated evaluation of that release.
 */
export const LAYERS_METRICS = ['loss', 'accuracy'] as const;

/** A name of {@link LAYERS_METRICS}. */
export type LayersMetric = (typeof LAYERS_METRICS)[number];

/** All that {@link createLayersTrainer} needs. */
export interface LayersTrainerOptions {
  readonly backend: TensorBackend;
  readonly topology: LayersTopology;
  /** Names and shapes in the order of the flat vector. */
  readonly layout: readonly TensorSpec[];
  readonly training: LayersTraining;
  /** The metrics that the manifest lists; nothing else is reported. */
  readonly metrics: readonly string[];
  /** This participant's examples, standardised already where the study wants it. */
  readonly dataset: Dataset;
}

function requireMetrics(names: readonly string[], loss: LayersTraining['loss']): readonly LayersMetric[] {
  return names.map((name) => {
    const known = LAYERS_METRICS.find((metric) => metric === name);
    if (known === undefined || (known === 'accuracy' && loss === 'meanSquaredError')) {
      throw new Fault(
        'TRAINER_FAILED',
        `the study lists the metric "${name}", which a layers model with the loss ${loss} does not have; it has ${LAYERS_METRICS.join(' and ')} (accuracy for classes only)`,
      );
    }
    return known;
  });
}

function requireLabels({ labels }: Dataset, loss: LayersTraining['loss'], outputs: number): void {
  if (loss === 'meanSquaredError') return;
  const classes = loss === 'binaryCrossentropy' ? 2 : outputs;
  const wrong = labels.findIndex((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong >= 0) {
    throw new Fault(
      'DATA_INVALID',
      `example ${wrong + 1} has the label ${labels[wrong]}; expected a whole number from 0 to ${classes - 1} for ${loss}`,
    );
  }
}

function requireFit(model: LayersModel, { training, dataset }: LayersTrainerOptions): void {
  if (dataset.rows === 0) throw new Fault('DATA_INVALID', 'the data set has no rows; a trainer needs at least one');
  if (dataset.featureCount !== model.inputLength) {
    throw new Fault(
      'DATA_INVALID',
      `the data set has ${dataset.featureCount} features; the model of the study takes ${model.inputLength}`,
    );
  }
  const wanted = training.loss === 'sparseCategoricalCrossentropy' ? model.outputLength >= 2 : model.outputLength === 1;
  if (!wanted)
    throw new Fault(
      'TRAINER_FAILED',
      `the model puts out ${model.outputLength} numbers, which the loss ${training.loss} cannot judge`,
    );
  requireLabels(dataset, training.loss, model.outputLength);
}

/**
 * A trainer for tfjs layers models. The same arguments, release and round give the same delta on the same backend.
 * (Layers that draw random numbers, such as dropout, must carry a seed in the topology for that.)
 * @throws Fault `TRAINER_FAILED` where the study does not fit this trainer, `DATA_INVALID` where the data does not fit the study
 */
export async function createLayersTrainer(options: LayersTrainerOptions): Promise<Trainer> {
  const metrics = requireMetrics(options.metrics, options.training.loss);
  const model = await createLayersModel(options.backend, options.topology, options.layout);
  try {
    requireFit(model, options);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return {
    train: (input) => trainRound(model, options, metrics, input),
    dispose: () => model.dispose(),
  };
}

async function trainRound(
  model: LayersModel,
  options: LayersTrainerOptions,
  metrics: readonly LayersMetric[],
  { global, round, signal }: TrainingInput,
): Promise<TrainingResult> {
  const { backend, training, dataset } = options;
  if (global.length !== model.length) {
    throw new Fault(
      'TRAINER_FAILED',
      `the release holds ${global.length} weights; the model of the study has ${model.length}`,
    );
  }
  model.setWeights(global);
  const optimizer = backend.tf.train[training.optimizer](training.learningRate);
  try {
    model.model.compile({ optimizer, loss: training.loss });
    const measured = measure(model, options, metrics);
    for (let epoch = 0; epoch < training.epochs; epoch += 1) {
      const order = shuffledIndices(dataset.rows, seededRandom(training.seed, round, epoch));
      for (let start = 0; start < order.length; start += training.batchSize) {
        signal.throwIfAborted();
        await step(model, options, order.subarray(start, start + training.batchSize));
      }
    }
    signal.throwIfAborted();
    return { delta: deltaFrom(global, model.weights(), training), examples: dataset.rows, metrics: measured };
  } finally {
    optimizer.dispose();
  }
}

/** One step of the optimizer, then a turn of the event loop: the connection stays alive while a long epoch runs. */
async function step(
  { model, batch }: LayersModel,
  { backend, dataset }: LayersTrainerOptions,
  rows: Uint32Array,
): Promise<void> {
  const { features, labels } = selectRows(dataset, rows);
  const inputs = batch(features, rows.length);
  const targets = backend.tf.tensor(labels, [rows.length, 1], 'float32');
  try {
    await model.trainOnBatch(inputs, targets);
  } finally {
    backend.tf.dispose([inputs, targets]);
  }
  await backend.tf.nextFrame();
}

function measure(
  model: LayersModel,
  options: LayersTrainerOptions,
  metrics: readonly LayersMetric[],
): Record<string, number> {
  const readings = { loss: () => lossOf(model, options), accuracy: () => accuracyOf(model, options) };
  return Object.fromEntries(metrics.map((name) => [name, readings[name]()]));
}

function lossOf({ model, batch }: LayersModel, { backend, dataset }: LayersTrainerOptions): number {
  return backend.tf.tidy(() => {
    const targets = backend.tf.tensor(dataset.labels, [dataset.rows, 1], 'float32');
    const result = model.evaluate(batch(dataset.features, dataset.rows), targets, { batchSize: 1024 });
    const [loss] = (Array.isArray(result) ? result[0] : result)?.dataSync<'float32'>() ?? [];
    return loss ?? Number.NaN;
  });
}

function accuracyOf(model: LayersModel, { dataset: { features, labels, rows } }: LayersTrainerOptions): number {
  const outputs = model.predict(features, rows);
  return model.outputLength === 1
    ? accuracy(labels, outputs)
    : categoricalAccuracy(labels, outputs, model.outputLength);
}

function deltaFrom(before: Float32Array, after: Float32Array, { learningRate }: LayersTraining): Float32Array {
  const delta = after.map((weight, index) => weight - (before[index] ?? 0));
  if (!allFinite(delta)) {
    throw new Fault(
      'TRAINER_FAILED',
      `training diverged at the learning rate ${learningRate}: some weights are no longer finite. Lower the rate, or standardise the features`,
    );
  }
  return delta;
}
