import { concatenate, type Dataset } from '#client/data/dataset.ts';
import { createLayersModel } from '#client/trainer/layers-model.ts';
import { createLayersTrainer } from '#client/trainer/layers-trainer.ts';
import { accuracy, areaUnderCurve, logLoss } from '#client/trainer/metrics.ts';
import { momentsOf, type Standardisation, standardisationFrom, standardise } from '#client/trainer/standardisation.ts';
import type { TensorBackend } from '#client/trainer/tensor-backend.ts';
import type { Trainer } from '#client/trainer/trainer.ts';
import { assert } from '#shared/fault/fault.ts';
import type { Hospital } from './split.ts';
import type { LearningStudy } from './study.ts';

/** How well a model does on the held-out test set. */
export interface Score {
  /** 0…1. */
  readonly accuracy: number;
  /** Area under the ROC curve, 0…1. */
  readonly auc: number;
  /** Mean cross-entropy in nats. */
  readonly logLoss: number;
}

/** Told after each round of each baseline. */
export interface BaselineProgress {
  /** A hospital's id, or `pooled`. */
  readonly who: string;
  readonly round: number;
  readonly rounds: number;
}

/** What the baselines need. */
export interface BaselineOptions {
  readonly backend: TensorBackend;
  readonly study: LearningStudy;
  readonly test: Dataset;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BaselineProgress) => void;
}

/** What all sites hold together, as the federated standardisation computes it, but from the rows themselves. */
export function standardisationOf(dataset: Dataset): Standardisation {
  return standardisationFrom(momentsOf(dataset));
}

/** The score of `weights` on a test set in the features' own units. */
export async function scoreOf(
  { backend, study, test }: BaselineOptions,
  weights: Float32Array,
  standardisation: Standardisation,
): Promise<Score> {
  const model = await createLayersModel(backend, study.topology, study.layout);
  try {
    model.setWeights(weights);
    const { features, labels, rows } = standardise(test, standardisation);
    const outputs = model.predict(features, rows);
    const auc = areaUnderCurve(labels, outputs);
    assert(auc !== undefined, 'a test set of one class');
    return { accuracy: accuracy(labels, outputs), auc, logLoss: logLoss(labels, outputs) };
  } finally {
    model.dispose();
  }
}

/**
 * One site alone: the study's model, initial weights and settings, on `dataset` by its own standardisation, for as many
 * rounds of local epochs as the study has. Same epochs, same steps a row; nothing is averaged.
 */
async function trainAlone(options: BaselineOptions, who: string, dataset: Dataset): Promise<Score> {
  const { backend, study, onProgress, signal = new AbortController().signal } = options;
  const standardisation = standardisationOf(dataset);
  const trainer = await createLayersTrainer({
    backend,
    ...study,
    metrics: [],
    dataset: standardise(dataset, standardisation),
  });
  try {
    let weights = study.initialWeights;
    for (let round = 1; round <= study.rounds; round += 1) {
      const base = weights;
      const { delta } = await trainer.train({ global: base, round, signal });
      weights = base.map((weight, index) => weight + (delta[index] ?? 0));
      onProgress?.({ who, round, rounds: study.rounds });
    }
    return await scoreOf(options, weights, standardisation);
  } finally {
    trainer.dispose();
  }
}

/** Each hospital alone, in turn, scored on the common test set. */
export async function scoreLocalOnly(
  options: BaselineOptions,
  hospitals: readonly Hospital[],
): Promise<readonly Score[]> {
  const scores: Score[] = [];
  for (const { id, dataset } of hospitals) scores.push(await trainAlone(options, id, dataset));
  return scores;
}

/** The upper bound: all hospitals' rows in one place, which nobody may do with real patients. */
export async function scorePooled(options: BaselineOptions, hospitals: readonly Hospital[]): Promise<Score> {
  const [first, ...others] = hospitals.map(({ dataset }) => dataset);
  assert(first !== undefined, 'a pool of no hospitals');
  return trainAlone(options, 'pooled', concatenate(first, ...others));
}

/** What {@link federateInClear} hands back. */
export interface FederatedModel {
  readonly weights: Float32Array;
  readonly standardisation: Standardisation;
}

/** The mean of several updates by bounded example count, in float64, added to `base`. */
function averaged(base: Float32Array, deltas: readonly Float32Array[], coefficients: readonly number[]): Float32Array {
  const total = coefficients.reduce((sum, coefficient) => sum + coefficient, 0);
  return base.map((weight, index) => {
    const change = deltas.reduce((sum, delta, site) => sum + (delta[index] ?? 0) * (coefficients[site] ?? 0), 0);
    return weight + change / total;
  });
}

/**
 * The demo's two studies without any protection, in this process: what the enclave's result should be, but for rounding.
 * To tune the study by, and to test it against.
 */
export async function federateInClear(
  options: BaselineOptions,
  hospitals: readonly Hospital[],
): Promise<FederatedModel> {
  const { backend, study, onProgress, signal = new AbortController().signal } = options;
  const moments = hospitals.map(({ dataset }) => momentsOf(dataset));
  const zero = new Float32Array(moments[0]?.length ?? 0);
  const standardisation = standardisationFrom(
    averaged(
      zero,
      moments,
      moments.map(() => 1),
    ),
  );
  const trainers: Trainer[] = [];
  try {
    for (const { dataset } of hospitals) {
      const standardised = standardise(dataset, standardisation);
      trainers.push(await createLayersTrainer({ backend, ...study, dataset: standardised }));
    }
    let weights = study.initialWeights;
    for (let round = 1; round <= study.rounds; round += 1) {
      const deltas: Float32Array[] = [];
      const coefficients: number[] = [];
      for (const trainer of trainers) {
        const { delta, examples } = await trainer.train({ global: weights, round, signal });
        deltas.push(delta);
        coefficients.push(Math.min(examples, study.examplesMax));
      }
      weights = averaged(weights, deltas, coefficients);
      onProgress?.({ who: 'federated', round, rounds: study.rounds });
    }
    return { weights, standardisation };
  } finally {
    for (const trainer of trainers) trainer.dispose();
  }
}
