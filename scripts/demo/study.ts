import { initialWeights } from '#client/trainer/initial-weights.ts';
import type { LayersTopology } from '#client/trainer/layers-model.ts';
import { type LayersTraining, layersTrainingOf } from '#client/trainer/layers-training.ts';
import { momentsLayout } from '#client/trainer/standardisation.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { assert } from '#shared/fault/fault.ts';
import { tensorsOfTopology } from '#shared/model/layers-topology.ts';
import type { TensorSpec } from '#shared/model/layout.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import type { Manifest, TrainingSettings } from '#shared/study/manifest.ts';

/** What the demo's manifests say about learning; who takes part and which enclave is accepted comes from elsewhere. */
export type StudyParts = Pick<Manifest, 'study' | 'title' | 'model' | 'rounds' | 'aggregation'> & {
  readonly training?: TrainingSettings;
};

/** Features of the breast-cancer set. */
export const FEATURE_COUNT = 30;

/** Units of the one hidden layer. */
const HIDDEN_UNITS = 16;

/**
 * A claim of more examples than this counts as this many: the largest hospital (205 training rows) would otherwise carry 45 %
 * of the mean, and a hospital that lies about its size any share it likes.
 */
const EXAMPLES_WEIGHT_MAX = 150;

/** Two epochs in each of 24 rounds: enough to level out, and few enough that hospitals this different do not pull apart. */
const TRAINING: TrainingSettings & LayersTraining = {
  epochs: 2,
  batchSize: 16,
  learningRate: 0.05,
  optimizer: 'sgd',
  loss: 'binaryCrossentropy',
  seed: 2026,
};

/** 30 features → 16 (ReLU) → 1 (sigmoid, the chance that the tumour is malignant): 513 parameters. */
export function breastCancerTopology(): LayersTopology {
  const dense = { use_bias: true, kernel_initializer: zeros(), bias_initializer: zeros(), dtype: 'float32' };
  return {
    class_name: 'Sequential',
    config: {
      name: 'breast_cancer',
      layers: [
        {
          class_name: 'Dense',
          config: {
            ...dense,
            name: 'hidden',
            units: HIDDEN_UNITS,
            activation: 'relu',
            batch_input_shape: [null, FEATURE_COUNT],
          },
        },
        { class_name: 'Dense', config: { ...dense, name: 'malignant', units: 1, activation: 'sigmoid' } },
      ],
    },
  };
}

// The weights come with the study: what the topology would start from is never used, so it may as well be cheap.
function zeros(): LayersTopology {
  return { class_name: 'Zeros', config: {} };
}

/** Names and shapes of a topology, in the order of its flat weights. */
function layoutOfTopology(topology: LayersTopology): readonly TensorSpec[] {
  const reading = tensorsOfTopology(topology);
  assert(reading.kind === 'tensors', 'the topology of the demo has no layout');
  return reading.tensors;
}

/** The first study: one round in which the hospitals' sums and sums of squares are averaged, all of them or nothing. */
export function standardiseStudy(): StudyParts {
  const tensors = momentsLayout(FEATURE_COUNT).map(({ name, shape }) => ({ name, shape: [...shape] }));
  return {
    study: 'standardise',
    title: 'Means and deviations of the breast-cancer features',
    model: { kind: 'tensors', tensors, initial: 'zeros' },
    rounds: { count: 1, quorum: 4, cohort: 'all', deadlineSeconds: 30, gatherSeconds: 10 },
    aggregation: {
      rule: 'mean',
      weighting: { kind: 'uniform' },
      examples: { minimum: 10, maximum: 100_000 },
      metrics: [],
    },
  };
}

/**
 * The second study: 24 rounds of federated averaging, weighted by bounded example counts.
 * @param seed of the initial weights and of each hospital's shuffles
 */
export function breastCancerStudy(seed: number = TRAINING.seed): StudyParts {
  const topology = breastCancerTopology();
  const weights = initialWeights(layoutOfTopology(topology), seed);
  return {
    study: 'breast-cancer',
    title: 'Malignant or benign, from a fine needle aspirate',
    model: { kind: 'layers', topology, initial: { inline: toBase64(floatBytes(weights)) } },
    training: { ...TRAINING, seed },
    rounds: { count: 24, quorum: 3, cohort: 'all', deadlineSeconds: 30, gatherSeconds: 10 },
    aggregation: {
      rule: 'mean',
      weighting: { kind: 'examples', maximum: EXAMPLES_WEIGHT_MAX },
      examples: { minimum: 10, maximum: 100_000 },
      metrics: ['loss', 'accuracy'],
    },
  };
}

/** The second study as a trainer takes it. */
export interface LearningStudy {
  readonly topology: LayersTopology;
  readonly layout: readonly TensorSpec[];
  readonly training: LayersTraining;
  readonly metrics: readonly string[];
  readonly initialWeights: Float32Array;
  readonly rounds: number;
  /** The most that one participant's example count weighs in the mean. */
  readonly examplesMax: number;
}

/** What {@link breastCancerStudy} says, for training without a manifest. */
export function learningStudy(seed: number = TRAINING.seed): LearningStudy {
  const { training, rounds, aggregation } = breastCancerStudy(seed);
  const topology = breastCancerTopology();
  const layout = layoutOfTopology(topology);
  return {
    topology,
    layout,
    training: layersTrainingOf(training),
    metrics: aggregation.metrics,
    initialWeights: initialWeights(layout, seed),
    rounds: rounds.count,
    examplesMax: EXAMPLES_WEIGHT_MAX,
  };
}
