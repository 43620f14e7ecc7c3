import { concat, lengthPrefixed, u32be, utf8 } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';

/** Bounds of a model; the manifest schema and {@link layoutProblems} both use them. */
export const MODEL_LIMITS = {
  tensorsMax: 4096,
  rankMax: 8,
  dimensionMax: 2 ** 28,
  nameCharactersMax: 200,
  parametersMax: 2 ** 28,
} as const;

/** Visible ASCII without white space: what tfjs, PyTorch and others call a weight. */
export const TENSOR_NAME = /^[\x21-\x7e]{1,200}$/;

const FLOAT32_BYTES = 4;

/** One tensor of float32 weights: its name and its dimensions, outermost first; a scalar has the shape `[]`. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * All tensors of a model in the order in which their values travel.
 * `parameterCount` counts values, `bytes` is their length as little-endian binary32, `digest` is 32 bytes.
 */
export interface ModelLayout {
  readonly tensors: readonly TensorSpec[];
  readonly parameterCount: number;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/** Something wrong with a list of tensors; `index` is absent when it concerns the whole list. */
export interface LayoutProblem {
  readonly index?: number;
  readonly message: string;
}

/** Number of values in a tensor of this shape; 1 for a scalar. */
export function valueCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** Everything that keeps `tensors` from being a layout; empty when it is one. */
export function layoutProblems(tensors: readonly TensorSpec[]): readonly LayoutProblem[] {
  if (tensors.length === 0) return [{ message: 'found no tensors, expected at least one' }];
  if (tensors.length > MODEL_LIMITS.tensorsMax) {
    return [{ message: `found ${tensors.length} tensors, expected at most ${MODEL_LIMITS.tensorsMax}` }];
  }
  const problems: LayoutProblem[] = [];
  const names = new Set<string>();
  for (const [index, tensor] of tensors.entries()) {
    for (const message of tensorProblems(tensor)) problems.push({ index, message });
    if (names.has(tensor.name)) problems.push({ index, message: `the name ${tensor.name} appears twice` });
    names.add(tensor.name);
  }
  if (problems.length > 0) return problems;
  const total = tensors.reduce((sum, tensor) => sum + valueCount(tensor.shape), 0);
  if (total <= MODEL_LIMITS.parametersMax) return [];
  return [{ message: `found ${total} parameters in total, expected at most ${MODEL_LIMITS.parametersMax}` }];
}

function tensorProblems({ name, shape }: TensorSpec): readonly string[] {
  const problems: string[] = [];
  if (!TENSOR_NAME.test(name)) problems.push('expected a name of 1 to 200 visible ASCII characters without spaces');
  if (shape.length > MODEL_LIMITS.rankMax) {
    problems.push(`found ${shape.length} dimensions, expected at most ${MODEL_LIMITS.rankMax}`);
  }
  const wrong = shape.find((size) => !Number.isInteger(size) || size < 1 || size > MODEL_LIMITS.dimensionMax);
  if (wrong !== undefined) {
    problems.push(`found a dimension of ${wrong}, expected an integer from 1 to ${MODEL_LIMITS.dimensionMax}`);
  }
  return problems;
}

/**
 * The layout of `tensors`, copied and frozen.
 * @throws Fault `MANIFEST_INVALID` with the first of {@link layoutProblems}.
 */
export function layoutOf(tensors: readonly TensorSpec[], crypto: Pick<CryptoPort, 'digest'>): ModelLayout {
  const problem = layoutProblems(tensors)[0];
  if (problem !== undefined) {
    const where = problem.index === undefined ? 'the tensors of the model' : `tensor ${problem.index + 1} of the model`;
    throw new Fault('MANIFEST_INVALID', `${where}: ${problem.message}`);
  }
  const copied = tensors.map(({ name, shape }) => Object.freeze({ name, shape: Object.freeze([...shape]) }));
  const parameterCount = copied.reduce((sum, tensor) => sum + valueCount(tensor.shape), 0);
  return Object.freeze({
    tensors: Object.freeze(copied),
    parameterCount,
    bytes: parameterCount * FLOAT32_BYTES,
    digest: layoutDigest(copied, crypto),
  });
}

/** `H(lp("cloister/v1/layout", name_1, shape_1, …))`, docs/protocol.md section 2. */
function layoutDigest(tensors: readonly TensorSpec[], crypto: Pick<CryptoPort, 'digest'>): Uint8Array {
  const fields = tensors.flatMap(({ name, shape }) => [utf8(name), concat(...shape.map(u32be))]);
  return crypto.digest('sha256', lengthPrefixed(utf8('cloister/v1/layout'), ...fields));
}
