import type { Tensor, LayersModel as TensorModel } from '@tensorflow/tfjs';
import { assert, Fault } from '#shared/fault/fault.ts';
import { type TensorSpec, valueCount } from '#shared/model/layout.ts';
import type { TensorBackend } from './tensor-backend.ts';

/** A tfjs layers topology: the JSON of a Sequential or functional model, without weights. */
export type LayersTopology = Readonly<Record<string, unknown>>;

/** A tfjs layers model whose weights come and go as one flat float32 vector in layout order. */
export interface LayersModel {
  /** The library's own model, for training. Its weights belong to this object. */
  readonly model: TensorModel;
  /** Length of the flat vector. */
  readonly length: number;
  /** Numbers in one example. */
  readonly inputLength: number;
  /** Numbers that the model puts out for one example. */
  readonly outputLength: number;
  /** Replaces all weights by `flat`, which is copied. */
  setWeights(flat: Float32Array): void;
  /** All weights, in a fresh vector. */
  weights(): Float32Array;
  /** A tensor of `rows` examples, shaped as the model takes them. The caller frees it. */
  batch(features: Float32Array, rows: number): Tensor;
  /** Outputs [rows × outputLength] for features [rows × inputLength]. */
  predict(features: Float32Array, rows: number): Float32Array;
  /** Frees the weights. */
  dispose(): void;
}

/** Rows that are predicted at once; bounds memory, and has no part in the result. */
const PREDICTION_ROWS = 1024;

function onlyShape(shape: readonly unknown[], side: string): number[] {
  const [, ...own] = shape.map((dimension) => (typeof dimension === 'number' ? dimension : null));
  if (shape.some((dimension) => Array.isArray(dimension)) || own.includes(null)) {
    throw new Fault(
      'TRAINER_FAILED',
      `the model's ${side} is [${shape.join(', ')}]; expected one tensor of fixed shape for each example`,
    );
  }
  return own.filter((dimension) => dimension !== null);
}

function spell(tensors: readonly TensorSpec[]): string {
  return tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
}

/** The layout must be the library's own order: a flat vector cut otherwise would put numbers into the wrong weights, unnoticed. */
function requireLayout(model: TensorModel, layout: readonly TensorSpec[]): void {
  const found = model.weights.map(({ originalName, shape }) => ({
    name: originalName,
    shape: shape.map((size) => size ?? 0),
  }));
  if (spell(found) !== spell(layout)) {
    throw new Fault('TRAINER_FAILED', `the model holds ${spell(found)}; the layout of the study says ${spell(layout)}`);
  }
}

async function loadTopology({ tf }: TensorBackend, topology: LayersTopology): Promise<TensorModel> {
  try {
    return await tf.loadLayersModel(tf.io.fromMemory({ modelTopology: topology }));
  } catch (cause) {
    throw new Fault('TRAINER_FAILED', 'the topology of the study is not one that tfjs layers can build', { cause });
  }
}

/**
 * Builds the model of a study.
 * @throws Fault `TRAINER_FAILED` where the topology cannot be built or does not have the layout's names and shapes, in order
 */
export async function createLayersModel(
  backend: TensorBackend,
  topology: LayersTopology,
  layout: readonly TensorSpec[],
): Promise<LayersModel> {
  const { tf } = backend;
  const model = await loadTopology(backend, topology);
  try {
    requireLayout(model, layout);
    const inputShape = onlyShape(
      model.inputs.length === 1 ? (model.inputs[0]?.shape ?? []) : [model.inputs.map(String)],
      'input',
    );
    const outputShape = onlyShape(
      model.outputs.length === 1 ? (model.outputs[0]?.shape ?? []) : [model.outputs.map(String)],
      'output',
    );
    return wrap({ tf, model, layout, inputShape, outputLength: valueCount(outputShape) });
  } catch (error) {
    model.dispose();
    throw error;
  }
}

interface Parts {
  readonly tf: TensorBackend['tf'];
  readonly model: TensorModel;
  readonly layout: readonly TensorSpec[];
  readonly inputShape: readonly number[];
  readonly outputLength: number;
}

function wrap({ tf, model, layout, inputShape, outputLength }: Parts): LayersModel {
  const length = layout.reduce((sum, { shape }) => sum + valueCount(shape), 0);
  const inputLength = valueCount(inputShape);

  const setWeights = (flat: Float32Array): void => {
    assert(flat.length === length, `${flat.length} weights for a model of ${length}`);
    let offset = 0;
    const tensors = layout.map(({ shape }) => {
      const size = valueCount(shape);
      const tensor = tf.tensor(flat.slice(offset, offset + size), [...shape], 'float32');
      offset += size;
      return tensor;
    });
    model.setWeights(tensors);
    tf.dispose(tensors);
  };

  const weights = (): Float32Array => {
    const flat = new Float32Array(length);
    let offset = 0;
    // These tensors are the model's own variables: reading them frees nothing and makes nothing.
    for (const tensor of model.getWeights()) {
      flat.set(tensor.dataSync<'float32'>(), offset);
      offset += tensor.size;
    }
    return flat;
  };

  const batch = (features: Float32Array, rows: number): Tensor => {
    assert(features.length === rows * inputLength, `${features.length} features for ${rows} rows of ${inputLength}`);
    return tf.tensor(features, [rows, ...inputShape], 'float32');
  };

  const predict = (features: Float32Array, rows: number): Float32Array => {
    const outputs = new Float32Array(rows * outputLength);
    for (let start = 0; start < rows; start += PREDICTION_ROWS) {
      const end = Math.min(start + PREDICTION_ROWS, rows);
      const part = tf.tidy(() => {
        const output = model.predictOnBatch(batch(features.slice(start * inputLength, end * inputLength), end - start));
        assert(!Array.isArray(output), 'a model of one output put out several');
        return output.dataSync<'float32'>();
      });
      outputs.set(part, start * outputLength);
    }
    return outputs;
  };

  return {
    model,
    length,
    inputLength,
    outputLength,
    setWeights,
    weights,
    batch,
    predict,
    dispose: () => void model.dispose(),
  };
}
