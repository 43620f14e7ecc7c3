import type { Bench, Figure } from './bench.ts';
import { figure } from './bench.ts';
import { clearRound, handshakeTimes, type RoundTimes, sealedRound } from './round/run.ts';

const TEN_BY_TEN_MILLION = { participants: 10, parameters: 10_000_000 };
const REPEATS = 3;
/** FLARE's simulator took this long and this much for the same round in the clear, on a machine with 2 cores. */
const FLARE_SECONDS = 5.0;
const FLARE_MIB = 1249;

interface Pair {
  readonly sealed: RoundTimes;
  readonly clear: RoundTimes;
}

let measured: Promise<Pair> | undefined;

/** The best of a few rounds each way, in turn: three benches share it, so that they speak of the same rounds. */
function tenByTenMillion(): Promise<Pair> {
  measured ??= bestPair();
  return measured;
}

async function bestPair(): Promise<Pair> {
  const sealed: RoundTimes[] = [];
  const clear: RoundTimes[] = [];
  for (let i = 0; i < REPEATS; i++) {
    clear.push(await clearRound(TEN_BY_TEN_MILLION));
    sealed.push(await sealedRound(TEN_BY_TEN_MILLION));
  }
  return { sealed: best(sealed), clear: best(clear) };
}

/** The fastest round, with the greatest memory that any took. */
function best(rounds: readonly RoundTimes[]): RoundTimes {
  const [fastest] = rounds.toSorted((a, b) => total(a) - total(b));
  if (fastest === undefined) throw new Error('no round was measured');
  return { ...fastest, peakMib: Math.max(...rounds.map(({ peakMib }) => peakMib)) };
}

function total({ roundMs, handshakesMs }: RoundTimes): number {
  return roundMs + handshakesMs;
}

function notesOn({ sealed, clear }: Pair): readonly string[] {
  return [
    `10 participants × 10 M float32, best of ${REPEATS}: handshakes ${sealed.handshakesMs.toFixed(0)} ms, round ${sealed.roundMs.toFixed(0)} ms; in the clear ${clear.roundMs.toFixed(0)} ms`,
  ];
}

/** Sealed, attested, relayed, queued, stored and verified, against the same bytes sent, folded and returned. */
export const roundSealedVsClear: Bench = {
  name: 'round-sealed-vs-clear',
  about:
    'one sealed and attested round, against the same bytes sent, relayed, folded and returned without cryptography',
  aim: { direction: 'at most', ratio: 1.25 },
  async run(): Promise<Figure> {
    const pair = await tenByTenMillion();
    return figure({
      value: total(pair.sealed) / 1000,
      baseline: total(pair.clear) / 1000,
      unit: 's',
      notes: notesOn(pair),
    });
  },
};

/** The same round in seconds, against what NVIDIA FLARE's simulator takes for it in the clear. */
export const roundSeconds: Bench = {
  name: 'round-seconds',
  about: "the sealed round in seconds, against 5.0 s that NVIDIA FLARE's simulator took on such a machine",
  aim: { direction: 'at most', ratio: 0.25 },
  async run(): Promise<Figure> {
    const pair = await tenByTenMillion();
    return figure({ value: total(pair.sealed) / 1000, baseline: FLARE_SECONDS, unit: 's', notes: notesOn(pair) });
  },
};

/** Peak resident memory of the enclave in that round, against FLARE's. */
export const roundPeakMib: Bench = {
  name: 'round-peak-mib',
  about: "peak memory of the enclave in that round, against 1,249 MiB of NVIDIA FLARE's simulator",
  aim: { direction: 'at most', ratio: 0.2 },
  async run(): Promise<Figure> {
    const { sealed } = await tenByTenMillion();
    return figure({ value: sealed.peakMib, baseline: FLARE_MIB, unit: 'MiB', notes: [] });
  },
};

/** Peak memory of the enclave for 32 participants against 2: it must not grow with the cohort. */
export const memory32Vs2: Bench = {
  name: 'memory-32-vs-2',
  about: 'peak memory of the enclave with 32 participants, against 2 (10 M parameters)',
  aim: { direction: 'at most', ratio: 1.2 },
  async run(): Promise<Figure> {
    const peaks: number[] = [];
    for (const participants of [2, 8, 32]) {
      peaks.push((await sealedRound({ participants, parameters: 10_000_000 })).peakMib);
    }
    const [two = 0, eight = 0, many = 0] = peaks;
    return figure({ value: many, baseline: two, unit: 'MiB', notes: [`with 8 participants: ${eight.toFixed(0)} MiB`] });
  },
};

/** Attested handshakes a second, against plain WebSocket openings through the same relay. */
export const handshakesPerSecond: Bench = {
  name: 'handshakes-per-second',
  about: 'attested handshakes, both sides on this machine; ratio: time of one ÷ time of a plain WebSocket opening',
  aim: undefined,
  async run(): Promise<Figure> {
    const { attestedMs, plainMs, count } = await handshakeTimes(32, 10);
    const value = (1000 * count) / attestedMs;
    const baseline = (1000 * count) / plainMs;
    const notes = [`${count} handshakes of 32 participants side by side, evidence verified by each`];
    return { kind: 'measured', value, baseline, ratio: attestedMs / plainMs, unit: '1/s', notes };
  },
};
