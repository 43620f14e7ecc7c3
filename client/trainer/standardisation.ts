import type { Dataset } from '#client/data/dataset.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import type { TensorSpec } from '#shared/model/layout.ts';
import { allFinite } from '#shared/model/parameters.ts';

/** What turns features into numbers of about mean 0 and deviation 1. Both [featureCount]. */
export interface Standardisation {
  readonly mean: Float32Array;
  /** Above 0; exactly 1 for a feature that does not vary measurably. */
  readonly deviation: Float32Array;
}

/** One weight in float32 is exact to half of this, relatively. */
const FLOAT32_EPSILON = 2 ** -23;

/**
 * Names and shapes of the tensors in which moments travel: `rows` [1], `sum` [F] and `squares` [F] (of squares).
 * Flat length 1 + 2F.
 */
export function momentsLayout(featureCount: number): readonly TensorSpec[] {
  return [
    { name: 'rows', shape: [1] },
    { name: 'sum', shape: [featureCount] },
    { name: 'squares', shape: [featureCount] },
  ];
}

/** The number of rows, the sums and the sums of squares of each feature, in the order of {@link momentsLayout}: float64 sums, each rounded once. */
export function momentsOf({ features, rows, featureCount }: Dataset): Float32Array {
  const totals = new Float64Array(1 + 2 * featureCount);
  totals[0] = rows;
  features.forEach((value, index) => {
    const feature = 1 + (index % featureCount);
    totals[feature] = (totals[feature] ?? 0) + value;
    totals[feature + featureCount] = (totals[feature + featureCount] ?? 0) + value * value;
  });
  return Float32Array.from(totals);
}

/**
 * Mean and population deviation of each feature over everybody's rows, from released moments. Sums and means over the
 * cohort serve alike, for the common factor cancels.
 *
 * Error: every number here was rounded to float32 a few times, and the variance is the small difference of two large ones.
 * With r = |mean| / deviation its relative error is about (1 + r²) · 2^-22: 2e-5 at r = 9. No site shifts its values by its own mean
 * first, since the shift would have to be told. Where the difference drowns in the rounding (r above 700), or where all values are
 * below 1e-19 and their squares vanish, the feature counts as constant and its deviation is 1: subtract from such a feature, or
 * multiply it by, a constant that everybody knows before the study.
 * @param values flat, 1 + 2F, in the order of {@link momentsLayout}
 * @throws Fault `DATA_INVALID` where the values cannot be moments
 */
export function standardisationFrom(values: Float32Array): Standardisation {
  const featureCount = (values.length - 1) / 2;
  const rows = values[0] ?? Number.NaN;
  if (!Number.isInteger(featureCount) || featureCount < 1 || !(rows > 0) || !allFinite(values)) {
    throw new Fault(
      'DATA_INVALID',
      `${values.length} values with ${rows} rows are not moments; expected 1 + 2F finite numbers, the first above 0`,
    );
  }
  const mean = new Float32Array(featureCount);
  const deviation = new Float32Array(featureCount);
  for (let feature = 0; feature < featureCount; feature += 1) {
    const centre = (values[1 + feature] ?? 0) / rows;
    const square = (values[1 + featureCount + feature] ?? 0) / rows;
    const variance = square - centre * centre;
    if (variance < -16 * FLOAT32_EPSILON * square) {
      throw new Fault(
        'DATA_INVALID',
        `feature ${feature} has a mean square of ${square} below the square of its mean ${centre}: these are not moments of one data set`,
      );
    }
    mean[feature] = centre;
    deviation[feature] = variance > 16 * FLOAT32_EPSILON * square ? Math.sqrt(variance) : 1;
  }
  return { mean, deviation };
}

/** A copy of `dataset` whose features have `mean` subtracted and are divided by `deviation`; the labels are shared. */
export function standardise(dataset: Dataset, { mean, deviation }: Standardisation): Dataset {
  const { featureCount } = dataset;
  assert(
    mean.length === featureCount && deviation.length === featureCount,
    `moments of ${mean.length} features for ${featureCount}`,
  );
  const features = dataset.features.map((value, index) => {
    const feature = index % featureCount;
    return (value - (mean[feature] ?? 0)) / (deviation[feature] ?? 1);
  });
  return { ...dataset, features };
}
