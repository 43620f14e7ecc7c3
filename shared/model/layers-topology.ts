import { LAYER_RULES, type LayerConfig, TopologyError, words } from './layer-shapes.ts';
import type { TensorSpec } from './layout.ts';

const LAYERS_MAX = 1024;

/** Tensors of a topology, or why it cannot be used. */
export type TopologyReading =
  | { readonly kind: 'tensors'; readonly tensors: readonly TensorSpec[] }
  | { readonly kind: 'problem'; readonly message: string };

/**
 * The weights of a tfjs layers topology, in the order of `model.getWeights()`: every trainable weight first, layer by
 * layer, then those that gradients do not change. `topology` is what `model.toJSON(null, false)` gives, or the
 * `modelTopology` of a saved model: a Sequential of Dense, Conv2D, MaxPooling2D, BatchNormalization, Flatten, Dropout,
 * Activation and Reshape layers.
 */
export function tensorsOfTopology(topology: unknown): TopologyReading {
  try {
    return { kind: 'tensors', tensors: sequentialTensors(topology) };
  } catch (error) {
    if (error instanceof TopologyError) return { kind: 'problem', message: error.message };
    throw error;
  }
}

function sequentialTensors(topology: unknown): readonly TensorSpec[] {
  const trainable: TensorSpec[] = [];
  const fixed: TensorSpec[] = [];
  const names = new Set<string>();
  let shape: readonly number[] | undefined;
  for (const [index, layer] of layersOf(topology).entries()) {
    const { className, config } = classAndConfig(layer, `layer ${index + 1}`);
    const where = `layer ${index + 1} (${className})`;
    const input = shape ?? inputShape(config, where);
    if (className === 'InputLayer') {
      if (index > 0) throw new TopologyError(`${where}: expected an InputLayer in first place only`);
      shape = input;
      continue;
    }
    const name = layerName(config, where, names);
    const rule = Object.hasOwn(LAYER_RULES, className) ? LAYER_RULES[className] : undefined;
    if (rule === undefined) {
      throw new TopologyError(`${where} is not supported; expected one of ${Object.keys(LAYER_RULES).join(', ')}`);
    }
    const layerShape = inLayer(where, () => rule(config, input));
    const own = layerShape.trainable.map((weight) => ({ ...weight, name: `${name}/${weight.name}` }));
    // A frozen layer keeps its place among the weights that gradients do not change.
    (config.trainable === false ? fixed : trainable).push(...own);
    fixed.push(...layerShape.fixed.map((weight) => ({ ...weight, name: `${name}/${weight.name}` })));
    shape = layerShape.output;
  }
  return [...trainable, ...fixed];
}

function layersOf(topology: unknown): readonly unknown[] {
  const { className, config } = classAndConfig(topology, 'topology');
  if (className !== 'Sequential') {
    throw new TopologyError(`class_name: found ${words(className)}, expected Sequential`);
  }
  const layers = config.layers;
  if (!Array.isArray(layers) || layers.length === 0 || layers.length > LAYERS_MAX) {
    throw new TopologyError(`config.layers: expected a list of 1 to ${LAYERS_MAX} layers`);
  }
  return layers;
}

function classAndConfig(value: unknown, where: string): { readonly className: string; readonly config: LayerConfig } {
  if (!isRecord(value) || typeof value.class_name !== 'string' || !isRecord(value.config)) {
    throw new TopologyError(`${where}: expected class_name and config, as model.toJSON(null, false) writes them`);
  }
  return { className: value.class_name.slice(0, 60), config: value.config };
}

function layerName(config: LayerConfig, where: string, taken: Set<string>): string {
  const name = config.name;
  if (typeof name !== 'string' || !/^[A-Za-z0-9_.-]{1,100}$/.test(name)) {
    throw new TopologyError(`${where}: name: found ${words(name)}, expected letters, digits and _ . -`);
  }
  if (taken.has(name)) throw new TopologyError(`${where}: the name ${name} appears twice`);
  taken.add(name);
  return name;
}

function inputShape(config: LayerConfig, where: string): readonly number[] {
  const shape = config.batch_input_shape;
  if (!Array.isArray(shape) || shape[0] !== null) {
    throw new TopologyError(`${where}: batch_input_shape: found ${words(shape)}, expected [null, …sizes]`);
  }
  const sizes: readonly unknown[] = shape.slice(1);
  const numbers = sizes.filter((size): size is number => Number.isInteger(size) && Number(size) >= 1);
  if (numbers.length !== sizes.length || numbers.length === 0) {
    throw new TopologyError(`${where}: batch_input_shape: found ${words(shape)}, expected known sizes after the batch`);
  }
  return numbers;
}

function inLayer<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TopologyError) throw new TopologyError(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
