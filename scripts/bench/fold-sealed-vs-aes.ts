import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { assert } from '#shared/fault/fault.ts';
import { type Bench, type Figure, figure } from './bench.ts';
import { runMeasured } from './child.ts';

const PARAMETERS = 10_000_000;
const MEGABYTES = (PARAMETERS * Float32Array.BYTES_PER_ELEMENT) / 1e6;
const CHUNK_BYTES = 512 * 1024;
const REPEATS = 120;

const TimesSchema = Type.Object({
  aesMs: Type.Number(),
  aesLargeMs: Type.Number(),
  beginMs: Type.Number(),
  openStageMs: Type.Number(),
  foldMs: Type.Number(),
  totalMs: Type.Number(),
});

/** One update of 40 MB: header verified, key decapsulated, chunks opened, values bounded and staged, folded. */
export const foldSealedVsAes: Bench = {
  name: 'fold-sealed-vs-aes',
  about: 'sealed bytes opened, checked and folded per second, against decrypting them with AES-256-GCM on one core',
  aim: { direction: 'at least', ratio: 0.6 },
  async run(): Promise<Figure> {
    const times = await runMeasured('./measured/fold-sealed.ts', [PARAMETERS, CHUNK_BYTES, REPEATS]);
    assert(Value.Check(TimesSchema, times), 'the measured process prints its times');
    const rates = { value: rateOf(times.totalMs), baseline: rateOf(times.aesMs) };
    return figure({ ...rates, unit: 'MB/s', notes: notesOn(times) });
  },
};

function notesOn(times: Static<typeof TimesSchema>): readonly string[] {
  const { totalMs, beginMs, openStageMs, foldMs, aesMs, aesLargeMs } = times;
  const parts = `begin ${beginMs.toFixed(2)}, open + check + stage ${openStageMs.toFixed(2)}, fold ${foldMs.toFixed(2)}`;
  return [
    `${MEGABYTES} MB in chunks of ${CHUNK_BYTES / 1024} KiB: ${totalMs.toFixed(2)} ms (${parts}); best of ${REPEATS}`,
    `AES-256-GCM, same chunks: ${aesMs.toFixed(2)} ms; messages of 1 MiB: ${aesLargeMs.toFixed(2)} ms, ratio ${(aesLargeMs / totalMs).toFixed(2)}`,
  ];
}

function rateOf(milliseconds: number): number {
  return (MEGABYTES / milliseconds) * 1000;
}
