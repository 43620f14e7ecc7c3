import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';
import type { PcrSelection } from './pcr.ts';
import { algorithmText, bankOf, PCR_COUNT } from './pcr.ts';

/**
 * What a TPM signs in a quote: TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (TPM 2.0 part 2 section 10.12.12). Byte fields
 * are views of the input.
 */
export interface TpmQuote {
  /** Qualified name of the signing key: the hash over the names on its way from the root of its hierarchy. */
  readonly qualifiedSigner: Uint8Array;
  /** What the caller gave to be signed with the registers. */
  readonly extraData: Uint8Array;
  /** Milliseconds of operation since the TPM was last cleared. */
  readonly clockMs: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  /** Whether the clock cannot have been this late before. */
  readonly safe: boolean;
  /** The vendor's own number. Obscured when the signing key is outside the endorsement and platform hierarchies. */
  readonly firmwareVersion: bigint;
  readonly selections: readonly PcrSelection[];
  readonly pcrDigest: Uint8Array;
}

/** Bounds in bytes (part 2: TPMU_NAME, TPM2B_DATA and TPM2B_DIGEST with SHA-512) and in entries (HASH_COUNT). */
export const ATTEST_LIMITS = { bytes: 1024, name: 66, extraData: 66, digest: 64, selections: 16 } as const;

/** First bytes of all that a TPM signs about itself: with them, no key that is restricted signs foreign bytes. */
const TPM_GENERATED = 0xff544347;
const ATTEST_QUOTE = 0x8018;
/** Bytes of a selection's bitmap: those of a PC's 24 registers, or of 32. */
const SELECT_BYTES = { least: 3, most: 4 } as const;
const BITS = [0, 1, 2, 3, 4, 5, 6, 7];

/** Parses the TPMS_ATTEST of a quote, which must fill `bytes`. Throws `MalformedInput`. */
export function parseQuote(bytes: Uint8Array): TpmQuote {
  if (bytes.length > ATTEST_LIMITS.bytes) {
    malformed(`TPMS_ATTEST of ${bytes.length} bytes; at most ${ATTEST_LIMITS.bytes}`);
  }
  const reader = new ByteReader(bytes, 'TPMS_ATTEST', 'big');
  if (reader.u32() !== TPM_GENERATED) malformed('TPMS_ATTEST without the mark of what a TPM generates');
  const type = reader.u16();
  if (type !== ATTEST_QUOTE) malformed(`TPMS_ATTEST of type ${algorithmText(type)}, not a quote`);
  const quote = {
    qualifiedSigner: reader.counted('qualifiedSigner', ATTEST_LIMITS.name),
    extraData: reader.counted('extraData', ATTEST_LIMITS.extraData),
    clockMs: reader.u64(),
    resetCount: reader.u32(),
    restartCount: reader.u32(),
    safe: readYesNo(reader),
    firmwareVersion: reader.u64(),
    selections: readSelections(reader),
    pcrDigest: reader.counted('pcrDigest', ATTEST_LIMITS.digest),
  };
  reader.end();
  return quote;
}

function readYesNo(reader: ByteReader): boolean {
  const value = reader.u8();
  return value <= 1 ? value === 1 : malformed(`TPMS_ATTEST: a yes or no of ${value}`);
}

/** TPML_PCR_SELECTION (part 2 section 10.9.7). */
function readSelections(reader: ByteReader): readonly PcrSelection[] {
  const count = reader.u32();
  if (count > ATTEST_LIMITS.selections) malformed(`TPMS_ATTEST: ${count} register selections`);
  const selections: PcrSelection[] = [];
  for (let i = 0; i < count; i++) {
    const algorithm = reader.u16();
    if (selections.some((before) => before.algorithm === algorithm)) {
      malformed(`TPMS_ATTEST: bank ${algorithmText(algorithm)} is selected twice`);
    }
    selections.push({ algorithm, bank: bankOf(algorithm), indices: readBitmap(reader) });
  }
  return selections;
}

function readBitmap(reader: ByteReader): readonly number[] {
  const size = reader.u8();
  if (size < SELECT_BYTES.least || size > SELECT_BYTES.most) {
    malformed(`TPMS_ATTEST: a register bitmap of ${size} bytes`);
  }
  const indices = [...reader.take(size)].flatMap((byte, at) =>
    BITS.filter((bit) => (byte & (1 << bit)) !== 0).map((bit) => 8 * at + bit),
  );
  if (indices.some((index) => index >= PCR_COUNT)) malformed('TPMS_ATTEST: a register that no PC has is selected');
  return indices;
}
