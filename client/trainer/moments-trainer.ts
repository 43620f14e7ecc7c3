import type { Dataset } from '#client/data/dataset.ts';
import { Fault } from '#shared/fault/fault.ts';
import { allFinite } from '#shared/model/parameters.ts';
import { momentsOf } from './standardisation.ts';
import type { Trainer } from './trainer.ts';

/**
 * The "training" of a standardisation study: nothing is learnt, this site's moments are told. From any release the delta
 * is what turns it into this site's moments, so the uniform mean of the cohort's updates gives the mean of their moments.
 * The layout of the study is `momentsLayout(featureCount)`; it reports no metrics.
 */
export function createMomentsTrainer(dataset: Dataset): Trainer {
  const moments = momentsOf(dataset);
  if (dataset.rows === 0 || !allFinite(moments)) {
    throw new Fault(
      'DATA_INVALID',
      `${dataset.rows} rows have no moments in float32; expected at least one row, and values below 1e19`,
    );
  }
  return {
    train: async ({ global, signal }) => {
      signal.throwIfAborted();
      if (global.length !== moments.length) {
        throw new Fault(
          'TRAINER_FAILED',
          `the release holds ${global.length} values; ${dataset.featureCount} features have ${moments.length} moments`,
        );
      }
      return {
        delta: moments.map((value, index) => value - (global[index] ?? 0)),
        examples: dataset.rows,
        metrics: {},
      };
    },
    dispose: () => {},
  };
}
