import { parentPort, workerData } from 'node:worker_threads';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';
import { campaign, type Findings } from './campaign.ts';
import { seedsOf } from './seeds.ts';

/** One folder of the collection, how often its evidence is damaged, and from which seed. */
export interface Assignment {
  readonly platform: string;
  readonly count: number;
  readonly seed: number;
}

/** What came of an assignment. */
export interface Report extends Findings {
  readonly platform: string;
  readonly seeds: number;
}

const assignments: readonly Assignment[] = workerData;
for (const { platform, count, seed } of assignments) {
  const crypto = memoCrypto();
  const seeds = await seedsOf(platform, crypto);
  const findings = await campaign(seeds, count, seed, crypto);
  const report: Report = { platform, seeds: seeds.length, ...findings };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a thread has no origin
  parentPort?.postMessage(report);
}
