import type { Bench } from './bench.ts';
import { foldSealedVsAes } from './fold-sealed-vs-aes.ts';
import { foldVsNumpy } from './fold-vs-numpy.ts';
import { handshakesPerSecond, memory32Vs2, roundPeakMib, roundSealedVsClear, roundSeconds } from './round.ts';
import { verifyEvidenceBenches } from './verify-evidence.ts';

/** Every bench, in the order in which they run. A new one is a file in this folder and a line here. */
export const BENCHES: readonly Bench[] = [
  foldSealedVsAes,
  roundSealedVsClear,
  roundSeconds,
  roundPeakMib,
  memory32Vs2,
  handshakesPerSecond,
  foldVsNumpy,
  ...verifyEvidenceBenches,
];
