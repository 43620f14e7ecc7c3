import { type AggregationArena, createArena } from '#enclave/aggregation/arena.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { assert } from '#shared/fault/fault.ts';
import { type Bench, type Figure, figure, type Skipped } from './bench.ts';
import { numpyMissing, startNumpy } from './numpy.ts';

const UPDATES = 10;
const PARAMETERS = 10_000_000;
const REPEATS = 9;
const PIECE_BYTES = 512 * 1024;
const MEGABYTES = (UPDATES * PARAMETERS * Float32Array.BYTES_PER_ELEMENT) / 1e6;

/** Fold only: updates resident in staging areas here, in arrays there; both sides start from sums of zero. */
export const foldVsNumpy: Bench = {
  name: 'fold-vs-numpy',
  about: `fold of ${UPDATES} x ${PARAMETERS / 1e6} M float32 in memory, against a plain streaming NumPy fold`,
  aim: { direction: 'at least', ratio: 0.8 },
  async run(): Promise<Figure | Skipped> {
    const missing = numpyMissing();
    if (missing !== undefined) return { kind: 'skipped', reason: missing };
    const numpy = await startNumpy('./fold_numpy.py', [UPDATES, PARAMETERS]);
    const arena = await createArena({ parameterCount: PARAMETERS, slots: UPDATES, backend: await loadTensors() });
    const update = Float32Array.from({ length: PARAMETERS }, (_, i) => Math.sin(i));
    const model = new Float32Array(PARAMETERS);
    const best = { fold: Infinity, staged: Infinity, applied: Infinity, numpy: Infinity };
    for (let i = 0; i < REPEATS; i++) {
      const staging = elapsedMs(() => stageAll(arena, new Uint8Array(update.buffer)));
      const folding = elapsedMs(() => foldAll(arena));
      best.fold = Math.min(best.fold, folding);
      best.staged = Math.min(best.staged, staging + folding);
      best.applied = Math.min(
        best.applied,
        elapsedMs(() => arena.applyMean(model, UPDATES)),
      );
      best.numpy = Math.min(best.numpy, await numpy.measure());
    }
    numpy.stop();
    const notes = [
      `${arena.backend}: ${best.fold.toFixed(1)} ms; NumPy ${numpy.version}: ${best.numpy.toFixed(1)} ms; best of ${REPEATS}, taking turns`,
      `with the copy into staging and the bound on every value: ${best.staged.toFixed(1)} ms, ratio ${(best.numpy / best.staged).toFixed(2)}`,
      `mean applied to the model, once a round: ${best.applied.toFixed(1)} ms`,
    ];
    arena.dispose();
    return figure({ value: rateOf(best.fold), baseline: rateOf(best.numpy), unit: 'MB/s', notes });
  },
};

function stageAll(arena: AggregationArena, bytes: Uint8Array): void {
  for (let slot = 0; slot < UPDATES; slot++) {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      assert(arena.stage(slot, at, bytes.subarray(at, at + PIECE_BYTES)), 'the values of the bench are finite');
    }
  }
}

function foldAll(arena: AggregationArena): void {
  arena.reset();
  for (let slot = 0; slot < UPDATES; slot++) arena.fold(slot, 1 + 7 * slot);
}

function elapsedMs(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function rateOf(milliseconds: number): number {
  return (MEGABYTES / milliseconds) * 1000;
}
