import { createHash } from 'node:crypto';
import { PCR_BANK_NAMES, PCR_BANKS, PCR_COUNT, type PcrBank } from '#shared/attestation/tpm/pcr.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';

/** Registers of a TPM in software, as after power-on: zero, but ones where a dynamic launch would start (17 to 22). */
export class TpmRegisters {
  readonly #banks: ReadonlyMap<PcrBank, Uint8Array[]>;

  /** `locality`: where the TPM is started from, which register 0 begins with. */
  constructor(locality = 0) {
    this.#banks = new Map(PCR_BANK_NAMES.map((bank) => [bank, powerOn(PCR_BANKS[bank].bytes, locality)]));
  }

  /** Extends a register of every bank with the digest of `content`; the digests by bank. */
  measure(index: number, content: Uint8Array): ReadonlyMap<PcrBank, Uint8Array> {
    const digests = digestsOf(content);
    this.extend(index, digests);
    return digests;
  }

  /** Extends a register of every bank with a digest of its own. */
  extend(index: number, digests: ReadonlyMap<PcrBank, Uint8Array>): void {
    for (const [bank, registers] of this.#banks) {
      registers[index] = digestOf(bank, this.read(bank, index), digests.get(bank) ?? EMPTY);
    }
  }

  read(bank: PcrBank, index: number): Uint8Array {
    return this.#banks.get(bank)?.[index] ?? EMPTY;
  }

  /** The values of a selection: banks to indices. */
  values(selection: ReadonlyMap<PcrBank, readonly number[]>): ReadonlyMap<PcrBank, ReadonlyMap<number, Uint8Array>> {
    return new Map(
      [...selection].map(([bank, indices]) => [bank, new Map(indices.map((index) => [index, this.read(bank, index)]))]),
    );
  }
}

/** The digests of `content` by bank. */
export function digestsOf(content: Uint8Array): ReadonlyMap<PcrBank, Uint8Array> {
  return new Map(PCR_BANK_NAMES.map((bank) => [bank, digestOf(bank, content)]));
}

function powerOn(bytes: number, locality: number): Uint8Array[] {
  return Array.from({ length: PCR_COUNT }, (_, index) => {
    const register = new Uint8Array(bytes).fill(index >= 17 && index <= 22 ? 0xff : 0);
    if (index === 0) register[bytes - 1] = locality;
    return register;
  });
}

function digestOf(bank: PcrBank, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(bank);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
