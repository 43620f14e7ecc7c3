import { type TensorSpec, valueCount } from '#shared/model/layout.ts';
import { seededRandom } from './random.ts';

/** Inputs and outputs of one weight tensor: its last two dimensions, times what a convolution's window covers. */
function fans(shape: readonly number[]): readonly [number, number] {
  const window = valueCount(shape.slice(0, -2));
  return [window * (shape.at(-2) ?? 1), window * (shape.at(-1) ?? 1)];
}

/**
 * Seeded starting weights, flat float32 in layout order: matrices and kernels uniform in ±√(6 / (inputs + outputs)) (Glorot
 * and Bengio 2010), vectors (biases) zero. The same layout and seed give the same bytes on every machine.
 * Not for layers whose vectors start elsewhere, such as the scales of a normalisation.
 */
export function initialWeights(layout: readonly TensorSpec[], seed: number): Float32Array {
  const tensors = layout.map(({ shape }, index) => {
    const weights = new Float32Array(valueCount(shape));
    if (shape.length < 2) return weights;
    const random = seededRandom(seed, index);
    const [inputs, outputs] = fans(shape);
    const limit = Math.sqrt(6 / (inputs + outputs));
    return weights.map(() => (2 * random.uniform() - 1) * limit);
  });
  const flat = new Float32Array(tensors.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const weights of tensors) {
    flat.set(weights, offset);
    offset += weights.length;
  }
  return flat;
}
