import { createHash } from 'node:crypto';
import { PCR_BANKS, type PcrBank, type PcrValues } from '#shared/attestation/tpm/pcr.ts';
import { concat, u32be, u64be } from '#shared/bytes/bytes.ts';
import { counted, u16be } from '../bytes.ts';
import type { EmulatedAk } from './key.ts';
import type { TpmRegisters } from './registers.ts';

/** What a quote is asked to cover. */
export interface QuoteRequest {
  readonly extraData: Uint8Array;
  /** Banks to indices in ascending order. */
  readonly selection: ReadonlyMap<PcrBank, readonly number[]>;
}

/** How a test bends a quote. Everything left out is as a TPM does it. */
export interface QuoteDefects {
  readonly magic?: number;
  readonly type?: number;
  /** The yes or no that says whether the clock is safe. */
  readonly safe?: number;
  readonly pcrDigest?: Uint8Array;
  /** TPML_PCR_SELECTION. */
  readonly selections?: Uint8Array;
  readonly qualifiedSigner?: Uint8Array;
  /** Hash of the signature by name, and by what is said of it. */
  readonly hash?: { readonly name: string; readonly algorithm: number };
  /** Alters the TPMS_ATTEST before and after it is signed, and the TPMT_SIGNATURE. */
  readonly rewriteQuote?: (quote: Uint8Array) => Uint8Array;
  readonly alterQuote?: (quote: Uint8Array) => Uint8Array;
  readonly alterSignature?: (signature: Uint8Array) => Uint8Array;
}

/** What TPM2_Quote gives, and the registers it was about. */
export interface MintedQuote {
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
  readonly pcrs: PcrValues;
}

/** What the emulated TPM says of itself. */
const EMULATED_FIRMWARE = { high: 0x00070002, low: 0x00000001 } as const;
const CLOCK_MS = 3_600_000;
const RESET_COUNT = 4;
const RESTART_COUNT = 1;
const TPM_GENERATED = 0xff544347;
const ATTEST_QUOTE = 0x8018;
const SCHEMES = { rsa: 0x0014, p256: 0x0018, p384: 0x0018 } as const;
const SHA256 = { name: 'sha256', algorithm: 0x000b } as const;
const SELECT_BYTES = 3;

/** A quote over `registers` by `ak`: TPMS_ATTEST and TPMT_SIGNATURE (TPM 2.0 part 2 sections 10.12.12 and 11.3.4). */
export function mintQuote(
  ak: EmulatedAk,
  registers: TpmRegisters,
  request: QuoteRequest,
  defects: QuoteDefects = {},
): MintedQuote {
  const pcrs = registers.values(request.selection);
  const { hash = SHA256 } = defects;
  const written = attest(ak, pcrs, request, defects);
  const signed = defects.rewriteQuote?.(written) ?? written;
  const signature = tpmSignature(ak, ak.sign(signed, hash.name), hash.algorithm);
  return {
    quote: defects.alterQuote?.(signed) ?? signed,
    signature: defects.alterSignature?.(signature) ?? signature,
    pcrs,
  };
}

function attest(ak: EmulatedAk, pcrs: PcrValues, request: QuoteRequest, defects: QuoteDefects): Uint8Array {
  const values = [...pcrs.values()].flatMap((registers) => [...registers.values()]);
  const digest = createHash((defects.hash ?? SHA256).name)
    .update(concat(...values))
    .digest();
  return concat(
    u32be(defects.magic ?? TPM_GENERATED),
    u16be(defects.type ?? ATTEST_QUOTE),
    counted(defects.qualifiedSigner ?? ak.qualifiedName),
    counted(request.extraData),
    u64be(CLOCK_MS),
    u32be(RESET_COUNT),
    u32be(RESTART_COUNT),
    Uint8Array.of(defects.safe ?? 1),
    u32be(EMULATED_FIRMWARE.high),
    u32be(EMULATED_FIRMWARE.low),
    defects.selections ?? selections(request.selection),
    counted(defects.pcrDigest ?? new Uint8Array(digest)),
  );
}

/** TPML_PCR_SELECTION. */
export function selections(selection: QuoteRequest['selection']): Uint8Array {
  const entries = [...selection].map(([bank, indices]) =>
    concat(u16be(PCR_BANKS[bank].algorithm), Uint8Array.of(SELECT_BYTES), bitmap(indices)),
  );
  return concat(u32be(entries.length), ...entries);
}

function bitmap(indices: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(SELECT_BYTES);
  for (const index of indices) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  return bytes;
}

/** TPMT_SIGNATURE around a signature. */
export function tpmSignature({ kind }: Pick<EmulatedAk, 'kind'>, raw: Uint8Array, hash: number): Uint8Array {
  const head = concat(u16be(SCHEMES[kind]), u16be(hash));
  if (kind === 'rsa') return concat(head, counted(raw));
  return concat(head, counted(raw.subarray(0, raw.length / 2)), counted(raw.subarray(raw.length / 2)));
}
