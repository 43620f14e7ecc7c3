import util from 'node:util';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { giveBack } from '#shared/bytes/give-back.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import { tfjsWasmBinary } from './wasm-binary.ts';

/** The tensor work of the enclave. This file is the only one in it that knows the tensor library. */
export interface Tensors {
  /** The backend that computes. Never tfjs's own CPU backend: it is twenty times as slow. */
  readonly name: 'tfjs-node' | 'tfjs-wasm';
  /** Why native TensorFlow is not the one in use; undefined when it is. */
  readonly nativeDeclined: string | undefined;
  /** `model[i] += sums[i] / divisor`, in place; both have the same length. Leaves no tensor behind. */
  addQuotient(model: Float32Array, sums: Float32Array, divisor: number): void;
}

/** The names that tfjs gives the two. */
type Backend = 'tensorflow' | 'wasm';

const NATIVE_PACKAGE = '@tensorflow/tfjs-node';
/** Elements of one block: 1 MiB, so that its five tensors stay near the second-level cache and memory stays flat. */
const BLOCK_ELEMENTS = 256 * 1024;

/** Loads the best backend that there is: native TensorFlow, else WebAssembly. Throws `BACKEND_MISSING` without either. */
export async function loadTensors(): Promise<Tensors> {
  const nativeDeclined = await loadNative();
  if (nativeDeclined === undefined) {
    await select('tensorflow');
    return { name: 'tfjs-node', nativeDeclined, addQuotient: quotientAdder('tensorflow') };
  }
  await loadWasm();
  return { name: 'tfjs-wasm', nativeDeclined, addQuotient: quotientAdder('wasm') };
}

/** Loads tfjs-node, which registers the backend `tensorflow`; the answer is why not, or undefined when it is there. */
async function loadNative(): Promise<string | undefined> {
  // A bundle is measured whole: it must not run code that lies beside it. Only the source file has this name.
  if (!import.meta.url.endsWith('/aggregation/tensors.ts'))
    return 'a measured bundle loads nothing from outside itself';
  // tfjs-node 4.22 calls a function that Node 23 removed (tensorflow/tfjs issue 8609).
  if (!('isNullOrUndefined' in util)) Object.assign(util, { isNullOrUndefined: (value: unknown) => value == null });
  try {
    await import(NATIVE_PACKAGE);
    return undefined;
  } catch (error) {
    // The package is optional: its absence is an answer, reported at start, and WebAssembly serves instead.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown cause';
    return code === 'ERR_MODULE_NOT_FOUND'
      ? `${NATIVE_PACKAGE} is not installed`
      : `${NATIVE_PACKAGE} fails to load (${code})`;
  }
}

/**
 * tfjs asks its platform to fetch the binary: it gets the one that belongs to this program. Afterwards nothing that
 * tfjs might do reaches a network.
 */
async function loadWasm(): Promise<void> {
  const { platform } = tf.env();
  const answer = (async () => new Response(Uint8Array.from(tfjsWasmBinary()))) satisfies typeof platform.fetch;
  const refuse = (async () => {
    throw new Fault(
      'BACKEND_MISSING',
      'the tensor library asked for a file; everything that it needs is in the program',
    );
  }) satisfies typeof platform.fetch;
  const faults = process.listeners('uncaughtException');
  const rejections = process.listeners('unhandledRejection');
  platform.fetch = answer;
  setWasmPaths('embedded/', true);
  await select('wasm');
  platform.fetch = refuse;
  // Its loader (emscripten) has the process rethrow what nobody caught, ahead of the program's own last wishes.
  for (const listener of process.listeners('uncaughtException')) {
    if (!faults.includes(listener)) process.off('uncaughtException', listener);
  }
  for (const listener of process.listeners('unhandledRejection')) {
    if (!rejections.includes(listener)) process.off('unhandledRejection', listener);
  }
}

async function select(backend: Backend): Promise<void> {
  const chosen = await tf.setBackend(backend);
  if (!chosen || tf.getBackend() !== backend) {
    throw new Fault(
      'BACKEND_MISSING',
      `the tensor backend ${backend} did not start; reinstall the packages and try again`,
    );
  }
}

function quotientAdder(backend: Backend): Tensors['addQuotient'] {
  return (model, sums, divisor) => {
    assert(tf.getBackend() === backend, 'the tensor backend chosen at start is the one that computes');
    addQuotient(model, sums, divisor);
  };
}

function addQuotient(model: Float32Array, sums: Float32Array, divisor: number): void {
  for (let start = 0; start < model.length; start += BLOCK_ELEMENTS) {
    const block = model.subarray(start, start + BLOCK_ELEMENTS);
    // The callback returns nothing: tidy would walk a returned array element by element, a hundred times the work.
    tf.tidy(() => {
      const mean = tf.div(tf.tensor1d(sums.subarray(start, start + BLOCK_ELEMENTS), 'float32'), divisor);
      const next = tf.add(tf.tensor1d(block, 'float32'), mean).dataSync<'float32'>();
      block.set(next);
      giveBack(next);
    });
  }
}
