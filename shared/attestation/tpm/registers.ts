import { toHex } from '../../bytes/bytes.ts';
import type { PcrBank, PcrValues } from './pcr.ts';
import { PCR_BANKS, PCR_COUNT } from './pcr.ts';

/** What a register of each bank is called among measurements: the plain name is of the SHA-256 bank. */
const PREFIXES: Readonly<Record<PcrBank, string>> = { sha1: 'SHA1_PCR', sha256: 'PCR', sha384: 'SHA384_PCR' };

/** Register values as measurements: `PCR7` of the SHA-256 bank, `SHA384_PCR7`, `SHA1_PCR7`. */
export function measurementsOf(pcrs: PcrValues): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...pcrs].flatMap(([bank, values]) =>
      [...values].map(([index, value]) => [`${PREFIXES[bank]}${index}`, toHex(value)] as const),
    ),
  );
}

/** Names of all registers of a bank to the bytes of their values. */
export function registerNames(bank: PcrBank): Readonly<Record<string, number>> {
  const indices = Array.from({ length: PCR_COUNT }, (_, index) => index);
  return Object.fromEntries(indices.map((index) => [`${PREFIXES[bank]}${index}`, PCR_BANKS[bank].bytes]));
}
