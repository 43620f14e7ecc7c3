import { getHeapStatistics } from 'node:v8';
import { type Judgement, judge } from '#client/vectors/judge.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { mutated } from './mutate.ts';
import { type Draws, drawsFrom } from './random.ts';
import { claimsText, type Seed } from './seeds.ts';
import { signedPart } from './signed-part.ts';

/** What one input may cost. */
export const BUDGET = { timeMs: 50, allocatedBytes: 4 * 1024 * 1024 } as const;

/** Mutants that are kept to be mutated again: those that were refused in a way not seen before. */
const KEPT_MAX = 256;
/** A slow or costly input is tried so often: only what is slow every time is slow by itself. */
const TRIES = 4;

/** What a campaign did, and everything that must not be. */
export interface Findings {
  readonly inputs: number;
  /** Different ways in which inputs were refused. */
  readonly outcomes: number;
  /** Accepted with the original's claims and signed part, although something that nobody signed was changed. */
  readonly respelled: number;
  readonly failures: readonly string[];
}

/** Damages genuine evidence `count` times and judges each result; guided by which refusals are new. */
export async function campaign(
  seeds: readonly Seed[],
  count: number,
  seed: number,
  crypto: CryptoPort,
): Promise<Findings> {
  const draws = drawsFrom(seed);
  const corpus = seeds.map((each) => ({ origin: each, evidence: each.tested.evidence }));
  const seen = new Set<string>();
  const failures: string[] = [];
  let respelled = 0;
  for (let index = 0; index < count && failures.length < 10; index++) {
    const parent = draws.pick(corpus);
    const evidence = mutated(parent.evidence, othersOf(seeds, draws), draws);
    const found = await tried(parent.origin, evidence, crypto);
    failures.push(...found.problems.map((problem) => `${parent.origin.id}, input ${index}: ${problem}`));
    if (found.judgement?.verdict === 'accept') respelled += 1;
    const outcome = outcomeOf(found.judgement);
    if (!seen.has(outcome) && corpus.length < seeds.length + KEPT_MAX && found.judgement?.verdict === 'reject') {
      corpus.push({ origin: parent.origin, evidence });
    }
    seen.add(outcome);
  }
  return { inputs: count, outcomes: seen.size, respelled, failures };
}

interface Tried {
  readonly judgement: Judgement | undefined;
  readonly problems: readonly string[];
}

async function tried(origin: Seed, evidence: Evidence, crypto: CryptoPort): Promise<Tried> {
  const problems: string[] = [];
  let judgement: Judgement | undefined;
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const before = heapBytes();
    const start = performance.now();
    try {
      judgement = await judge({ ...origin.tested, evidence }, { atMs: origin.atMs, crypto });
    } catch (error) {
      return { judgement: undefined, problems: [`threw ${error instanceof Error ? error.stack : 'something'}`] };
    }
    const timeMs = performance.now() - start;
    const allocated = heapBytes() - before;
    if (timeMs <= BUDGET.timeMs && allocated <= BUDGET.allocatedBytes) break;
    if (attempt < TRIES) continue;
    if (timeMs > BUDGET.timeMs) problems.push(`took ${timeMs.toFixed(0)} ms`);
    if (allocated > BUDGET.allocatedBytes) problems.push(`allocated ${(allocated / 2 ** 20).toFixed(1)} MiB`);
  }
  if (judgement?.verdict === 'accept') problems.push(...acceptedProblems(origin, evidence, judgement));
  return { judgement, problems };
}

/** What was signed may not change at all; containers and padding that nobody signed may, where nothing follows from them. */
function acceptedProblems(origin: Seed, evidence: Evidence, judgement: Judgement): readonly string[] {
  return [
    ...(signedPart(evidence) === signedPart(origin.tested.evidence) ? [] : ['was accepted with another document']),
    ...(claimsText(judgement.claims) === origin.claims ? [] : ['was accepted with other claims']),
  ];
}

/** Memory in use; what is freed in between makes a difference smaller, never larger. */
function heapBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function othersOf(seeds: readonly Seed[], draws: Draws): readonly Evidence[] {
  return [draws.pick(seeds).tested.evidence];
}

/** The codes and words of a refusal, without the values in them. */
function outcomeOf(judgement: Judgement | undefined): string {
  if (judgement === undefined) return 'threw';
  return judgement.reasons.map(({ code, detail }) => `${code} ${detail.replaceAll(/\d+/g, '#')}`).join('|');
}
