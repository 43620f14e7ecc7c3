import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { CryptoPort, DigestName } from '../../crypto/port.ts';
import type { Reason } from '../reasons.ts';

/** Register banks that are read: each by the TPM_ALG_ID of its hash (TCG Algorithm Registry) and its registers' size. */
export const PCR_BANKS = {
  sha1: { algorithm: 0x0004, bytes: 20 },
  sha256: { algorithm: 0x000b, bytes: 32 },
  sha384: { algorithm: 0x000c, bytes: 48 },
} as const;

/** A name of {@link PCR_BANKS}. */
export type PcrBank = keyof typeof PCR_BANKS;

/** All banks, weakest first. */
export const PCR_BANK_NAMES = ['sha1', 'sha256', 'sha384'] as const satisfies readonly PcrBank[];

/** Registers of a PC's TPM (TCG PC Client Platform TPM Profile, section 4.6). */
export const PCR_COUNT = 24;

/** Register values by bank and index. */
export type PcrValues = ReadonlyMap<PcrBank, ReadonlyMap<number, Uint8Array>>;

/** Registers of one bank that a quote covers (TPMS_PCR_SELECTION), in ascending order. */
export interface PcrSelection {
  /** TPM_ALG_ID of the bank. */
  readonly algorithm: number;
  /** `undefined` for a bank that is not read. */
  readonly bank: PcrBank | undefined;
  readonly indices: readonly number[];
}

/** The bank of a TPM_ALG_ID. */
export function bankOf(algorithm: number): PcrBank | undefined {
  return PCR_BANK_NAMES.find((name) => PCR_BANKS[name].algorithm === algorithm);
}

/** Lower-case hex of a TPM_ALG_ID. */
export function algorithmText(algorithm: number): string {
  return `0x${algorithm.toString(16).padStart(4, '0')}`;
}

/** Why `values` are not what a quote with these selections and this digest covers; empty when they are. */
export function pcrReasons(
  values: PcrValues,
  quoted: { readonly selections: readonly PcrSelection[]; readonly pcrDigest: Uint8Array },
  hash: DigestName,
  crypto: Pick<CryptoPort, 'digest'>,
): readonly Reason[] {
  const selected = quoted.selections.flatMap(({ algorithm, bank, indices }) =>
    indices.map((index) => ({
      name: `${bank ?? algorithmText(algorithm)}:${index}`,
      value: bank === undefined ? undefined : values.get(bank)?.get(index),
    })),
  );
  const names = new Set(selected.map(({ name }) => name));
  const absent = selected.filter(({ value }) => value === undefined).map(({ name }) => name);
  const extra = [...values]
    .flatMap(([bank, registers]) => [...registers.keys()].map((index) => `${bank}:${index}`))
    .filter((name) => !names.has(name));
  if (absent.length > 0 || extra.length > 0) {
    const detail = 'the register values shown are not those that the quote selects';
    const lists = [absent.length > 0 ? `without ${absent.join(' ')}` : '', extra.join(' ')];
    const found = lists.filter((text) => text !== '').join(', and besides them ');
    return [{ code: 'PCR_DIGEST_MISMATCH', detail, found, wanted: [...names].join(' ') }];
  }
  // TPM 2.0 part 3 section 18.4 (TPM2_Quote): the selected values in the order of the selections, ascending in each.
  const digest = crypto.digest(hash, ...selected.map(({ value }) => value).filter((value) => value !== undefined));
  if (equalBytes(digest, quoted.pcrDigest)) return [];
  const detail = 'the register values do not have the digest that the TPM signed';
  return [{ code: 'PCR_DIGEST_MISMATCH', detail, found: toHex(digest), wanted: toHex(quoted.pcrDigest) }];
}
