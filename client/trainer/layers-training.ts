import { Fault } from '#shared/fault/fault.ts';
import type { TrainingSettings } from '#shared/study/manifest.ts';

/** Losses that a layers trainer knows. */
export const LAYERS_LOSSES = ['binaryCrossentropy', 'sparseCategoricalCrossentropy', 'meanSquaredError'] as const;

/** How a participant trains in each round, as the manifest says. */
export interface LayersTraining {
  /** Passes over the participant's examples in one round. */
  readonly epochs: number;
  /** Examples in one step; the last step of an epoch takes what is left. */
  readonly batchSize: number;
  readonly learningRate: number;
  /** Begins anew in each round: no momentum outlives the release that it was gathered on. */
  readonly optimizer: 'sgd' | 'adam';
  /** `binaryCrossentropy`: one output in 0…1, labels 0 or 1. `sparseCategoricalCrossentropy`: one output a class, labels 0, 1, …. */
  readonly loss: (typeof LAYERS_LOSSES)[number];
  /** Decides the order of the examples, together with the round. */
  readonly seed: number;
}

/**
 * A manifest's training settings as a layers trainer needs them: nothing is assumed that the manifest leaves out.
 * @throws Fault `MANIFEST_INVALID` where one is missing, or names a loss that is not in {@link LAYERS_LOSSES}
 */
export function layersTrainingOf(settings: TrainingSettings = {}): LayersTraining {
  const { epochs, batchSize, learningRate, optimizer, loss: named, seed } = settings;
  const loss = LAYERS_LOSSES.find((known) => known === named);
  if (named !== undefined && loss === undefined) {
    throw new Fault(
      'MANIFEST_INVALID',
      `training.loss is "${named}"; a layers model trains by ${LAYERS_LOSSES.join(', ')}`,
    );
  }
  const given = epochs !== undefined && batchSize !== undefined && learningRate !== undefined;
  if (!given || optimizer === undefined || loss === undefined || seed === undefined) {
    throw new Fault(
      'MANIFEST_INVALID',
      'a layers model needs training.epochs, batchSize, learningRate, optimizer, loss and seed; at least one is missing',
    );
  }
  return { epochs, batchSize, learningRate, optimizer, loss, seed };
}
