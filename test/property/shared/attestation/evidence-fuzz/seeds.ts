import { vectorPlatform } from '#client/vectors/adapters.ts';
import { judge } from '#client/vectors/judge.ts';
import { verdictTimeMs } from '#client/vectors/run.ts';
import type { VectorCase } from '#client/vectors/vector-platform.ts';
import { readVectors } from '#scripts/attestation-vectors.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';

/** Genuine evidence of the collection that is accepted, and what it is judged under. */
export interface Seed {
  readonly id: string;
  readonly tested: VectorCase;
  readonly atMs: number;
  /** What was accepted, as text: a mutant that is accepted must say the same. */
  readonly claims: string;
}

/** The samples of one folder that hold at one of their times, whatever their vendor rates the platform. */
export async function seedsOf(platform: string, crypto: CryptoPort): Promise<readonly Seed[]> {
  const seeds: Seed[] = [];
  const { samples } = await readVectors(platform);
  for (const { id, expected, files } of samples) {
    for (const verdict of expected.verdicts) {
      const tested = atAnyRating(vectorPlatform(platform).caseOf({ files, conditions: verdict, crypto }));
      const atMs = verdictTimeMs(verdict);
      const judgement = await judge(tested, { atMs, crypto });
      if (judgement.verdict !== 'accept') continue;
      seeds.push({ id, tested, atMs, claims: claimsText(judgement.claims) });
      break;
    }
  }
  return seeds;
}

/** Most SGX machines of the collection are not up to date; their evidence is as good to damage. */
function atAnyRating(tested: VectorCase): VectorCase {
  const reference: VectorCase['reference'] = (claims) => {
    const { status, advisories } = claims.tcb ?? {};
    const stated = tested.reference(claims);
    if (status === undefined || status === 'Revoked' || status === 'NotSupported') return stated;
    return { ...stated, tcbStatuses: [status], advisories: [...(advisories ?? [])] };
  };
  return { ...tested, reference };
}

/** Claims as text, whatever the bytes that they were read from. */
export function claimsText(claims: unknown): string {
  return JSON.stringify(claims, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
