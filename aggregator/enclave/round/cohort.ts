import type { CryptoPort } from '#shared/crypto/port.ts';
import { assert } from '#shared/fault/fault.ts';

/**
 * Draws `size` of `candidates` without bias, by a partial Fisher-Yates shuffle on the platform's CSPRNG. The host has
 * no say in it: it can keep participants away, but not choose among those who are there.
 */
export function drawCohort(
  candidates: readonly string[],
  size: number,
  randomBytes: CryptoPort['randomBytes'],
): ReadonlySet<string> {
  assert(size >= 1 && size <= candidates.length, 'a cohort is drawn from enough candidates');
  const pool = [...candidates].toSorted();
  for (let i = 0; i < size; i++) {
    const j = i + uniformBelow(pool.length - i, randomBytes);
    const chosen = pool[j] ?? '';
    pool[j] = pool[i] ?? '';
    pool[i] = chosen;
  }
  return new Set(pool.slice(0, size));
}

/** A uniform integer in [0, bound), by rejection; `bound` is at most 2^16. */
function uniformBelow(bound: number, randomBytes: CryptoPort['randomBytes']): number {
  assert(bound >= 1 && bound <= 0x10000, 'the bound of a draw fits two bytes');
  const limit = Math.floor(0x10000 / bound) * bound;
  for (;;) {
    const [high = 0, low = 0] = randomBytes(2);
    const drawn = high * 256 + low;
    if (drawn < limit) return drawn % bound;
  }
}
