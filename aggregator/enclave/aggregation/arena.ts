import { assert, Fault } from '#shared/fault/fault.ts';
import { createKernels, type Kernels, PAGE_BYTES, STEP_BYTES } from './kernels.ts';
import { CONTRIBUTION_WEIGHT_MAX } from './mean.ts';
import type { Tensors } from './tensors.ts';

/**
 * Where updates are staged and folded: one block of memory that holds the sums and one staging area for each upload
 * in flight, and so grows with the model and never with the cohort.
 */
export interface AggregationArena {
  /** What folds, and what applies the mean: reported at start. */
  readonly backend: string;
  readonly parameterCount: number;
  /** Staging areas, one for each upload in flight. */
  readonly slots: number;
  /**
   * Copies little-endian float32 `bytes` into the staging area of `slot`, front to back: `byteOffset` is where the
   * last call ended, or 0 to begin anew. The answer is whether every value is finite and no greater than
   * {@link MAGNITUDE_MAX}; after a `false` the slot can't be folded until it is begun anew. `bytes` is not kept.
   */
  stage(slot: number, byteOffset: number, bytes: Uint8Array): boolean;
  /** `sums += weight * staged` in float32. The slot must be staged whole; `weight` is a float32 in (0, 2^24]. */
  fold(slot: number, weight: number): void;
  /** Forgets the sums, not what is staged. */
  reset(): void;
  /** `model[i] += sums[i] / divisor`, in place. */
  applyMean(model: Float32Array, divisor: number): void;
  /** L2 norm of the update staged in `slot`, squared and summed in float64. The slot must be staged whole. */
  normL2(slot: number): number;
  /** Gives the memory back; nothing may be called afterwards. */
  dispose(): void;
}

/**
 * The greatest magnitude of a staged value. No trained update comes near; and since no weight exceeds 2^24, fewer
 * than 2^39 folds of such values stay below the greatest float32, so that one hostile update cannot make a sum infinite.
 */
export const MAGNITUDE_MAX = 2 ** 64;
/** The bits of {@link MAGNITUDE_MAX} as a float32: exponent 64 + 127, no fraction. */
const MAGNITUDE_MAX_BITS = (64 + 127) << 23;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;
/** WebAssembly addresses are 32 bits wide; the last page stays free so that the end of an area is an address too. */
const ARENA_BYTES_MAX = 2 ** 32 - PAGE_BYTES;

/** What an arena is made for. */
export interface ArenaOptions {
  readonly parameterCount: number;
  readonly slots: number;
  readonly backend: Tensors;
}

/** How many staging areas fit beside the sums of a model of `parameterCount` parameters; 0 when it is too large. */
export function slotsThatFit(parameterCount: number): number {
  return Math.max(0, Math.floor(ARENA_BYTES_MAX / areaBytes(parameterCount)) - 1);
}

/** An arena with nothing staged and sums of zero. Pages are taken from the system when they are first written. */
export async function createArena(options: ArenaOptions): Promise<AggregationArena> {
  const { parameterCount, slots, backend } = options;
  assert(Number.isSafeInteger(parameterCount) && parameterCount >= 1, 'an arena holds at least one parameter');
  assert(Number.isSafeInteger(slots) && slots >= 1, 'an arena has at least one staging area');
  const fitting = slotsThatFit(parameterCount);
  if (slots > fitting) {
    const wanted = `${slots} uploads in flight with ${parameterCount} parameters each`;
    throw new Fault('CONFIG_INVALID', `no room for ${wanted}: at most ${fitting} fit in 4 GiB; allow fewer at a time`);
  }
  return new SimdArena(parameterCount, slots, backend);
}

/** Bytes from one area to the next: whole steps, so that kernels need no special case at the end. The rest stays 0. */
function areaBytes(parameterCount: number): number {
  return Math.ceil((parameterCount * FLOAT_BYTES) / STEP_BYTES) * STEP_BYTES;
}

/** How far a slot is filled, and whether all of it may be summed. */
interface Filling {
  readonly bytes: number;
  readonly summable: boolean;
}

const EMPTY_SLOT: Filling = { bytes: 0, summable: true };

class SimdArena implements AggregationArena {
  readonly backend: string;
  readonly parameterCount: number;
  readonly slots: number;
  readonly #tensors: Tensors;
  readonly #kernels: Kernels;
  readonly #area: number;
  readonly #fillings: Filling[];
  #bytes: Uint8Array;
  #floats: Float32Array;

  constructor(parameterCount: number, slots: number, tensors: Tensors) {
    this.backend = `wasm-simd + ${tensors.name}`;
    this.parameterCount = parameterCount;
    this.slots = slots;
    this.#tensors = tensors;
    this.#area = areaBytes(parameterCount);
    const pages = Math.ceil((this.#area * (1 + slots)) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#kernels = createKernels(memory, pages);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#floats = new Float32Array(memory.buffer);
    this.#fillings = Array.from({ length: slots }, () => EMPTY_SLOT);
  }

  stage(slot: number, byteOffset: number, bytes: Uint8Array): boolean {
    const before = byteOffset === 0 ? EMPTY_SLOT : this.#filling(slot);
    const after = byteOffset + bytes.length;
    assert(byteOffset === before.bytes, 'an update is staged front to back');
    assert(bytes.length > 0 && bytes.length % FLOAT_BYTES === 0, 'a staged piece is whole float32 values');
    assert(after <= this.parameterCount * FLOAT_BYTES, 'a staged piece ends within the model');
    const start = this.#startOf(slot) + byteOffset;
    this.#bytes.set(bytes, start);
    const summable = this.#isSummable(start, start + bytes.length);
    this.#fillings[slot] = { bytes: after, summable: before.summable && summable };
    return summable;
  }

  fold(slot: number, weight: number): void {
    // Also refuses NaN. A weight that float32 would round is not the weight that the divisor counts.
    assert(weight > 0 && weight <= CONTRIBUTION_WEIGHT_MAX, 'a contribution weight is in (0, 2^24]');
    assert(Math.fround(weight) === weight, 'a contribution weight is exact in float32');
    const start = this.#startOfWhole(slot);
    this.#kernels.accumulate(0, start, start + this.#area, weight);
  }

  reset(): void {
    this.#bytes.fill(0, 0, this.#area);
  }

  applyMean(model: Float32Array, divisor: number): void {
    assert(model.length === this.parameterCount, 'the mean is applied to a model of the same size');
    assert(divisor > 0 && Number.isFinite(divisor), 'the divisor of a mean is positive');
    assert(this.#floats.length > 0, 'an arena is not used once disposed');
    this.#tensors.addQuotient(model, this.#floats.subarray(0, this.parameterCount), divisor);
  }

  normL2(slot: number): number {
    const start = this.#startOfWhole(slot);
    return Math.sqrt(this.#kernels.sumOfSquares(start, start + this.#area));
  }

  dispose(): void {
    this.reset();
    this.#fillings.length = 0;
    this.#bytes = new Uint8Array(0);
    this.#floats = new Float32Array(0);
  }

  #filling(slot: number): Filling {
    const filling = this.#fillings[slot];
    assert(filling !== undefined, 'a slot is one of the arena');
    return filling;
  }

  #startOf(slot: number): number {
    this.#filling(slot);
    assert(this.#bytes.length > 0, 'an arena is not used once disposed');
    return this.#area * (1 + slot);
  }

  /** Nothing of an earlier update may be summed in place of what has not arrived. */
  #startOfWhole(slot: number): number {
    const { bytes, summable } = this.#filling(slot);
    assert(bytes === this.parameterCount * FLOAT_BYTES && summable, 'only a whole update of finite values is folded');
    return this.#startOf(slot);
  }

  #isSummable(start: number, end: number): boolean {
    const tail = end - ((end - start) % STEP_BYTES);
    if (tail > start && this.#kernels.exceeds(start, tail, MAGNITUDE_MAX_BITS) !== 0) return false;
    for (let i = tail / FLOAT_BYTES; i < end / FLOAT_BYTES; i++) {
      // Also false for NaN.
      if (!(Math.abs(this.#floats[i] ?? Number.NaN) <= MAGNITUDE_MAX)) return false;
    }
    return true;
  }
}
