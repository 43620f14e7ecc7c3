import { expect } from 'chai';
import { VECTOR_FOLDERS } from '#client/vectors/adapters.ts';
import type { Outcome } from '#client/vectors/run.ts';
import { readVectors, vectorsFolder } from '#scripts/attestation-vectors.ts';
import { allOutcomes } from '#test/browser/outcomes.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

/** Samples and recipes that the collection holds for each folder: a run that reads fewer proves less. */
const COUNTS: Readonly<Record<string, readonly [samples: number, recipes: number]>> = {
  'amd-sev-snp': [23, 46],
  'aws-nitro': [22, 32],
  'azure-cvm': [8, 21],
  'azure-maa-jwt': [1, 0],
  'eat-ear': [1, 0],
  'gcp-confidential-space': [2, 10],
  'intel-sgx': [26, 41],
  'intel-tdx': [28, 51],
  'intel-trust-authority': [1, 0],
  'nvidia-gpu': [3, 4],
  'tpm-quote': [5, 5],
};

const crypto = memoCrypto();

describe('attestation test vectors', () => {
  before(function () {
    if (vectorsFolder() !== undefined) return;
    if (process.env['CI'] === 'true')
      throw new Error('attestation vectors are missing: set CLOISTER_VECTORS to their folder');
    console.warn('SKIPPED: no attestation vectors on this machine; set CLOISTER_VECTORS to their folder');
    this.skip();
  });

  it('have an adapter for every folder', () => {
    expect(VECTOR_FOLDERS.toSorted()).to.deep.equal(Object.keys(COUNTS).toSorted());
  });

  for (const platform of VECTOR_FOLDERS) {
    it(`agree for every sample and every mutation of ${platform}`, async () => {
      const outcomes = await runFolder(platform);
      console.log(`      ${platform}: ${countOf(outcomes)}`);
      expect(outcomes.filter(({ problem }) => problem !== undefined)).to.deep.equal([]);
    });
  }
});

async function runFolder(platform: string): Promise<readonly Outcome[]> {
  const collection = await readVectors(platform);
  const { samples, recipes } = collection;
  expect([samples.length, recipes.length], 'samples and recipes').to.deep.equal(COUNTS[platform]);
  return allOutcomes(collection, crypto);
}

function countOf(outcomes: readonly Outcome[]): string {
  const kinds = [...new Set(outcomes.map(({ kind }) => kind))];
  return kinds.map((name) => `${outcomes.filter(({ kind }) => kind === name).length} × ${name}`).join(', ');
}
