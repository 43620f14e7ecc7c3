import { VECTOR_FOLDERS, vectorPlatform } from '#client/vectors/adapters.ts';
import { type Sample, verdictTimeMs } from '#client/vectors/run.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { VerificationContext } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { readVectors, vectorsFolder } from '../attestation-vectors.ts';
import { type Bench, type Figure, figure, type Skipped } from './bench.ts';

/** Verifications on each side of a ratio, the first of which warm up and do not count. */
const ROUNDS = { warm: 20, counted: 200 } as const;

/** Real evidence that its collection accepts, ready to be verified. */
interface Genuine {
  readonly sample: string;
  readonly evidence: Evidence;
  readonly context: VerificationContext;
}

/** One bench for each folder of the collection that holds evidence which verifies. */
export const verifyEvidenceBenches: readonly Bench[] = VECTOR_FOLDERS.map((folder) => ({
  name: `verify-${folder}`,
  about: `median of one verification of real ${folder} evidence, chain included, against its signature checks alone`,
  // What counts is the time itself: where a platform signs with RSA, its signature checks are next to nothing.
  aim: undefined,
  run: () => measure(folder),
}));

async function measure(folder: string): Promise<Figure | Skipped> {
  if (vectorsFolder() === undefined) {
    return { kind: 'skipped', reason: 'no attestation vectors here; set CLOISTER_VECTORS to their folder' };
  }
  const genuine = await genuineOf(folder);
  if (genuine === undefined) return { kind: 'skipped', reason: 'no sample of this folder verifies: no key is public' };
  const checks = await signatureChecksOf(genuine);
  const whole: number[] = [];
  const alone: number[] = [];
  for (let round = 0; round < ROUNDS.warm + ROUNDS.counted; round++) {
    const [ours, baseline] = [
      await timed(() => verifyEvidence(genuine.evidence, genuine.context)),
      await timed(checks),
    ];
    if (round < ROUNDS.warm) continue;
    whole.push(ours);
    alone.push(baseline);
  }
  const value = median(whole);
  return figure({
    value,
    baseline: median(alone),
    unit: 'ms',
    notes: [`${genuine.sample}; aim below 5 ms: ${value < 5 ? 'reached' : 'MISSED'}`],
  });
}

/** The sample of a folder with the most evidence of those that verify. */
async function genuineOf(folder: string): Promise<Genuine | undefined> {
  let best: Genuine | undefined;
  const { samples } = await readVectors(folder);
  for (const sample of samples) {
    const genuine = await verifying(sample, folder);
    if (genuine !== undefined && bytesOf(genuine) > (best === undefined ? 0 : bytesOf(best))) best = genuine;
  }
  return best;
}

async function verifying({ id, files, expected }: Sample, folder: string): Promise<Genuine | undefined> {
  const verdict = expected.verdicts.find(({ result }) => result === 'accept');
  if (verdict === undefined) return undefined;
  const { evidence, anchors } = vectorPlatform(folder).caseOf({ files, conditions: verdict, crypto: nodeCrypto });
  const context = { anchors: [...VENDOR_ANCHORS, ...anchors], atMs: verdictTimeMs(verdict), crypto: nodeCrypto };
  const { kind } = await verifyEvidence(evidence, context);
  return kind === 'verified' ? { sample: id, evidence, context } : undefined;
}

function bytesOf({ evidence }: Genuine): number {
  return evidence.endorsements.reduce((sum, { bytes }) => sum + bytes.length, evidence.document.length);
}

/** Does again what a verification asks of the platform's cryptography, and nothing else. */
async function signatureChecksOf({ evidence, context }: Genuine): Promise<() => Promise<void>> {
  const asked: Parameters<CryptoPort['verifyCertificateSignature']>[] = [];
  const crypto: CryptoPort = {
    ...nodeCrypto,
    verifyCertificateSignature(...call) {
      asked.push(call);
      return nodeCrypto.verifyCertificateSignature(...call);
    },
  };
  await verifyEvidence(evidence, { ...context, crypto });
  return async () => {
    for (const call of asked) await nodeCrypto.verifyCertificateSignature(...call);
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
