/** A labelled table, held as flat typed arrays so that a million rows stay one allocation. */
export interface Dataset {
  /** Row by row: `rows × featureCount`, all finite. */
  readonly features: Float32Array;
  /** One label a row. */
  readonly labels: Float32Array;
  readonly rows: number;
  readonly featureCount: number;
}

/** The rows of `dataset` at `indices`, in that order, copied. */
export function selectRows(dataset: Dataset, indices: Uint32Array): Dataset {
  const { featureCount } = dataset;
  const features = new Float32Array(indices.length * featureCount);
  const labels = new Float32Array(indices.length);
  indices.forEach((row, position) => {
    features.set(dataset.features.subarray(row * featureCount, (row + 1) * featureCount), position * featureCount);
    labels[position] = dataset.labels[row] ?? 0;
  });
  return { features, labels, rows: indices.length, featureCount };
}

/** All rows of several tables with the same features, one after the other. */
export function concatenate(first: Dataset, ...others: readonly Dataset[]): Dataset {
  const all = [first, ...others];
  const rows = all.reduce((sum, dataset) => sum + dataset.rows, 0);
  const features = new Float32Array(rows * first.featureCount);
  const labels = new Float32Array(rows);
  let row = 0;
  for (const dataset of all) {
    features.set(dataset.features, row * first.featureCount);
    labels.set(dataset.labels, row);
    row += dataset.rows;
  }
  return { features, labels, rows, featureCount: first.featureCount };
}
