import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { vectorsFolder } from '#scripts/attestation-vectors.ts';
import type { Assignment, Report } from './evidence-fuzz/worker.ts';

const SEED = 20_261_122;
const INPUTS_MIN = 200_000;

/** Inputs for each kind of evidence; two threads take turns, each with about half of the time. */
const SHARES: readonly (readonly Assignment[])[] = [
  shares({ 'intel-tdx': 40_000, 'aws-nitro': 24_000, 'eat-ear': 12_000, 'nvidia-gpu': 12_000 }),
  shares({
    'amd-sev-snp': 36_000,
    'intel-sgx': 30_000,
    'azure-cvm': 22_000,
    'tpm-quote': 16_000,
    'gcp-confidential-space': 14_000,
  }),
];

describe('verifiers, given damaged evidence', () => {
  let reports: readonly Report[] = [];
  before(async function () {
    this.timeout(600_000);
    if (vectorsFolder() === undefined) {
      if (process.env['CI'] === 'true') throw new Error('attestation vectors are missing: set CLOISTER_VECTORS');
      console.warn('SKIPPED: no attestation vectors on this machine; set CLOISTER_VECTORS to their folder');
      this.skip();
    }
    reports = (await Promise.all(SHARES.map(run))).flat();
    for (const { platform, seeds, inputs, outcomes, respelled } of reports) {
      console.log(
        `      ${platform}: ${inputs} inputs from ${seeds} samples, ${outcomes} outcomes, ${respelled} respelled`,
      );
    }
  });

  it(`were given at least ${INPUTS_MIN} inputs, of every platform whose evidence verifies`, () => {
    expect(reports.reduce((sum, { inputs }) => sum + inputs, 0)).to.be.at.least(INPUTS_MIN);
    for (const { platform, seeds } of reports) expect(seeds, platform).to.be.at.least(1);
  });

  it('never throw, take no input longer than 50 ms or 4 MiB, and accept nothing that says something else', () => {
    expect(reports.flatMap(({ failures }) => failures)).to.deep.equal([]);
  });

  it('refuse in many ways: the inputs reach further than the first check', () => {
    for (const { platform, outcomes } of reports) expect(outcomes, platform).to.be.above(15);
  });
});

function shares(counts: Readonly<Record<string, number>>): readonly Assignment[] {
  return Object.entries(counts).map(([platform, count]) => ({ platform, count, seed: SEED }));
}

function run(assignments: readonly Assignment[]): Promise<readonly Report[]> {
  return new Promise((resolve, reject) => {
    const reports: Report[] = [];
    const worker = new Worker(new URL('./evidence-fuzz/worker.ts', import.meta.url), {
      workerData: assignments,
      // A young generation that is seldom collected: what an input allocates can then be seen.
      resourceLimits: { maxYoungGenerationSizeMb: 256 },
    });
    worker.on('message', (report: Report) => reports.push(report));
    worker.on('error', reject);
    worker.on('exit', () => resolve(reports));
  });
}
