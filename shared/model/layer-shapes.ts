import { valueCount } from './layout.ts';

/** What a layer holds and gives: its own weights (names without the layer's), and the shape of its output without the batch. */
export interface LayerShape {
  readonly trainable: readonly LayerWeight[];
  readonly fixed: readonly LayerWeight[];
  readonly output: readonly number[];
}

/** A weight inside a layer. */
export interface LayerWeight {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The `config` of a layer in a topology. */
export type LayerConfig = Readonly<Record<string, unknown>>;

/** Why a layer cannot be read; its message is meant for the author of the manifest. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError';
}

type LayerRule = (config: LayerConfig, input: readonly number[]) => LayerShape;

/** Supported layers by their tfjs class name. */
export const LAYER_RULES: Readonly<Record<string, LayerRule>> = {
  Dense: dense,
  Conv2D: conv2d,
  MaxPooling2D: maxPooling2d,
  BatchNormalization: batchNormalization,
  Flatten: (_config, input) => weightless([valueCount(input)]),
  Dropout: (_config, input) => weightless(input),
  Activation: (_config, input) => weightless(input),
  Reshape: reshape,
};

function weightless(output: readonly number[]): LayerShape {
  return { trainable: [], fixed: [], output };
}

function dense(config: LayerConfig, input: readonly number[]): LayerShape {
  const units = size(config, 'units');
  const last = input.at(-1);
  if (last === undefined) throw new TopologyError('found a scalar input, expected at least one dimension');
  const bias = flag(config, 'use_bias') ? [{ name: 'bias', shape: [units] }] : [];
  const trainable = [{ name: 'kernel', shape: [last, units] }, ...bias];
  return { trainable, fixed: [], output: [...input.slice(0, -1), units] };
}

function conv2d(config: LayerConfig, input: readonly number[]): LayerShape {
  const [height, width, channels] = image(config, input);
  const filters = size(config, 'filters');
  const kernel = pair(config, 'kernel_size');
  const strides = pair(config, 'strides', [1, 1]);
  const dilation = pair(config, 'dilation_rate', [1, 1]);
  const spread = ([a, b]: Pair): Pair => [a + (a - 1) * (dilation[0] - 1), b + (b - 1) * (dilation[1] - 1)];
  const output = slide(config, [height, width], spread(kernel), strides);
  const bias = flag(config, 'use_bias') ? [{ name: 'bias', shape: [filters] }] : [];
  const trainable = [{ name: 'kernel', shape: [...kernel, channels, filters] }, ...bias];
  return { trainable, fixed: [], output: [...output, filters] };
}

function maxPooling2d(config: LayerConfig, input: readonly number[]): LayerShape {
  const [height, width, channels] = image(config, input);
  const pool = pair(config, 'pool_size');
  return weightless([...slide(config, [height, width], pool, pair(config, 'strides', pool)), channels]);
}

function batchNormalization(config: LayerConfig, input: readonly number[]): LayerShape {
  const axis = config.axis ?? -1;
  if (axis !== -1 && axis !== input.length) throw new TopologyError(`axis ${words(axis)}: expected the last axis, -1`);
  const shape = [input.at(-1) ?? 1];
  const named = (names: readonly string[]) => names.map((name) => ({ name, shape }));
  const gamma = flag(config, 'scale') ? ['gamma'] : [];
  const beta = flag(config, 'center') ? ['beta'] : [];
  return { trainable: named([...gamma, ...beta]), fixed: named(['moving_mean', 'moving_variance']), output: input };
}

function reshape(config: LayerConfig, input: readonly number[]): LayerShape {
  const target = config.target_shape;
  if (!Array.isArray(target) || !target.every(isSize)) {
    throw new TopologyError(`target_shape: found ${words(target)}, expected sizes, all of them written out`);
  }
  if (valueCount(target) !== valueCount(input)) {
    throw new TopologyError(
      `target_shape ${words(target)} does not hold the ${valueCount(input)} values of ${words(input)}`,
    );
  }
  return weightless(target);
}

type Pair = readonly [number, number];

/** Height, width and channels of a channels-last image. */
function image(config: LayerConfig, input: readonly number[]): readonly [number, number, number] {
  const format = config.data_format ?? 'channels_last';
  if (format !== 'channels_last')
    throw new TopologyError(`data_format: found ${words(format)}, expected channels_last`);
  const [height, width, channels] = input;
  if (height === undefined || width === undefined || channels === undefined || input.length !== 3) {
    throw new TopologyError(`found an input of shape ${words(input)}, expected height, width and channels`);
  }
  return [height, width, channels];
}

/** Output height and width of a window that slides over an image. */
function slide(config: LayerConfig, extent: Pair, window: Pair, strides: Pair): Pair {
  const padding = config.padding ?? 'valid';
  if (padding !== 'valid' && padding !== 'same') {
    throw new TopologyError(`padding: found ${words(padding)}, expected valid or same`);
  }
  const along = (axis: 0 | 1): number => {
    const room = padding === 'same' ? extent[axis] : extent[axis] - window[axis] + 1;
    if (room < 1) throw new TopologyError(`a window of ${window[axis]} does not fit an input of ${extent[axis]}`);
    return Math.ceil(room / strides[axis]);
  };
  return [along(0), along(1)];
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 2 ** 28;
}

function size(config: LayerConfig, key: string): number {
  const value = config[key];
  if (!isSize(value)) throw new TopologyError(`${key}: found ${words(value)}, expected a positive integer`);
  return value;
}

function pair(config: LayerConfig, key: string, otherwise?: Pair): Pair {
  const value = config[key] ?? otherwise;
  if (isSize(value)) return [value, value];
  const [first, second, ...rest]: readonly unknown[] = Array.isArray(value) ? value : [];
  if (isSize(first) && isSize(second) && rest.length === 0) return [first, second];
  throw new TopologyError(`${key}: found ${words(value)}, expected two positive integers`);
}

/** A setting of a layer that is true unless it is written as false. */
function flag(config: LayerConfig, key: string): boolean {
  const value = config[key] ?? true;
  if (typeof value !== 'boolean') throw new TopologyError(`${key}: found ${words(value)}, expected true or false`);
  return value;
}

/** A value in few words, for a message. */
export function words(value: unknown): string {
  if (value === undefined) return 'nothing';
  return (JSON.stringify(value) ?? typeof value).slice(0, 60);
}
