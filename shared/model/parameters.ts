import { type ModelLayout, valueCount } from './layout.ts';

const FLOAT32_BYTES = 4;

/** Weights, or a change of weights: `values` holds every tensor of `layout` one after the other, in its order. */
export interface Parameters {
  readonly layout: ModelLayout;
  readonly values: Float32Array;
}

/** A window on one tensor of {@link Parameters}; writing to `values` writes to the parameters. */
export interface TensorView {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Parameters that are all zero. */
export function zeroParameters(layout: ModelLayout): Parameters {
  return { layout, values: new Float32Array(layout.parameterCount) };
}

/** Every tensor of `parameters`, in the order of the layout, as views. */
export function tensorViews({ layout, values }: Parameters): readonly TensorView[] {
  let offset = 0;
  return layout.tensors.map(({ name, shape }) => {
    const count = valueCount(shape);
    const view = { name, shape, values: values.subarray(offset, offset + count) };
    offset += count;
    return view;
  });
}

/** Little-endian binary32 bytes of `values`, freshly allocated: the form in which weights travel and are digested. */
export function floatBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * FLOAT32_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(i * FLOAT32_BYTES, values[i] ?? 0, true);
  return bytes;
}

/** Values of little-endian binary32 `bytes`, freshly allocated, or `undefined` when the length is no multiple of 4. */
export function floatsOf(bytes: Uint8Array): Float32Array | undefined {
  if (bytes.length % FLOAT32_BYTES !== 0) return undefined;
  const values = new Float32Array(bytes.length / FLOAT32_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(i * FLOAT32_BYTES, true);
  return values;
}

/** Whether no value is NaN or an infinity. */
export function allFinite(values: Float32Array): boolean {
  // One comparison a value: x - x is 0 for a finite x and NaN for every other.
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (value - value !== 0) return false;
  }
  return true;
}
