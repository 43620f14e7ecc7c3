import { assert } from '#shared/fault/fault.ts';

/** Probabilities are kept this far from 0 and 1 before a logarithm is taken: one certain mistake then costs 16.1, not infinity. */
export const PROBABILITY_MARGIN = 1e-7;

function assertAligned(labels: Float32Array, scores: Float32Array): void {
  assert(labels.length === scores.length, `${labels.length} labels for ${scores.length} scores`);
  assert(labels.length > 0, 'a metric of no examples');
}

/**
 * The share of examples whose score falls on the side of 0.5 that its label (0 or 1) is on; a score of 0.5 counts as 1.
 * @param scores probabilities of label 1
 */
export function accuracy(labels: Float32Array, scores: Float32Array): number {
  assertAligned(labels, scores);
  const hits = labels.reduce(
    (count, label, index) => count + ((scores[index] ?? 0) >= 0.5 === label >= 0.5 ? 1 : 0),
    0,
  );
  return hits / labels.length;
}

/** The share of examples whose largest score (the first, if several are) is that of its class. `scores`: [labels.length × classes]. */
export function categoricalAccuracy(labels: Float32Array, scores: Float32Array, classes: number): number {
  assert(labels.length > 0, 'a metric of no examples');
  assert(
    scores.length === labels.length * classes,
    `${scores.length} scores for ${labels.length} labels of ${classes} classes`,
  );
  const hits = labels.reduce((count, label, row) => {
    const own = scores.subarray(row * classes, (row + 1) * classes);
    const best = own.reduce((leader, score, index) => (score > (own[leader] ?? 0) ? index : leader), 0);
    return count + (best === label ? 1 : 0);
  }, 0);
  return hits / labels.length;
}

/**
 * Area under the ROC curve, exactly: the chance that a random example of label 1 scores above one of label 0, ties
 * counting one half (Mann-Whitney U over mid-ranks). `undefined` where one of the labels does not occur.
 * @param labels 0 or 1
 */
export function areaUnderCurve(labels: Float32Array, scores: Float32Array): number | undefined {
  assertAligned(labels, scores);
  const order = Uint32Array.from(labels.keys()).toSorted((left, right) => (scores[left] ?? 0) - (scores[right] ?? 0));
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    const score = scores[order[start] ?? 0] ?? 0;
    let end = start;
    let tiedPositives = 0;
    while (end < order.length && scores[order[end] ?? 0] === score) {
      tiedPositives += (labels[order[end] ?? 0] ?? 0) >= 0.5 ? 1 : 0;
      end += 1;
    }
    // A NaN equals nothing, itself included: without this the loop would stand still.
    assert(end > start, 'a score that is not a number');
    // Ranks count from 1, so the ties share the mean of start + 1 … end.
    rankSum += (tiedPositives * (start + 1 + end)) / 2;
    positives += tiedPositives;
    start = end;
  }
  const negatives = labels.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Mean binary cross-entropy in nats; probabilities are held {@link PROBABILITY_MARGIN} away from 0 and 1. */
export function logLoss(labels: Float32Array, scores: Float32Array): number {
  assertAligned(labels, scores);
  const total = labels.reduce((sum, label, index) => {
    const raw = scores[index] ?? 0;
    const probability = Math.min(Math.max(raw, PROBABILITY_MARGIN), 1 - PROBABILITY_MARGIN);
    return sum - (label >= 0.5 ? Math.log(probability) : Math.log1p(-probability));
  }, 0);
  return total / labels.length;
}
