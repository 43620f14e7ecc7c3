import { equalBytes } from '../../bytes/bytes.ts';
import type { CborItem, CborKey } from '../cbor/decode.ts';
import { decodeCbor } from '../cbor/decode.ts';
import type { CborInput } from '../cbor/encode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { malformed } from '../malformed.ts';
import { ATTEST_LIMITS } from './attest.ts';
import { EVENT_LOG_LIMITS } from './event-log.ts';
import type { PcrValues } from './pcr.ts';
import { PCR_BANK_NAMES, PCR_BANKS, PCR_COUNT } from './pcr.ts';

/** The parts of evidence of platform `tpm-quote`. Byte fields are views of the document. */
export interface TpmDocument {
  /** TPMS_ATTEST as the TPM signed it, and its TPMT_SIGNATURE. */
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
  /** The attestation key: TPMT_PUBLIC, or DER SubjectPublicKeyInfo. */
  readonly ak: Uint8Array;
  /**
   * Qualified name of the key's parent (TPM2_ReadPublic), wanted with a TPMT_PUBLIC that is not of a primary key.
   */
  readonly akParent?: Uint8Array;
  /** The registers that the quote covers, and no others. */
  readonly pcrs: PcrValues;
  /** The firmware's measurement log, where it comes along. */
  readonly eventLog?: Uint8Array;
}

const PART_BYTES_MAX = 1024;

/** Fields in their order, with their bounds in bytes. */
const FIELDS = {
  quote: ATTEST_LIMITS.bytes,
  signature: PART_BYTES_MAX,
  ak: PART_BYTES_MAX,
  akParent: ATTEST_LIMITS.name,
  pcrs: 0,
  eventLog: EVENT_LOG_LIMITS.bytes,
} as const;

type Fields = ReadonlyMap<CborKey, CborItem>;

/** The document as CBOR: a map of the fields by their names, `pcrs` a map of banks to maps of indices to values. */
export function encodeTpmDocument(parts: TpmDocument): Uint8Array {
  const { quote, signature, ak, akParent, pcrs, eventLog } = parts;
  return encodeCbor({
    entries: [
      ['quote', quote],
      ['signature', signature],
      ['ak', ak],
      ...(akParent === undefined ? [] : [['akParent', akParent] as const]),
      ['pcrs', encodePcrs(pcrs)],
      ...(eventLog === undefined ? [] : [['eventLog', eventLog] as const]),
    ],
  });
}

/** Parses what {@link encodeTpmDocument} writes, and no other spelling of it. Throws `MalformedInput`. */
export function parseTpmDocument(document: Uint8Array): TpmDocument {
  const map = decodeCbor(document);
  if (map.kind !== 'map') return malformed(`TPM evidence is a CBOR ${map.kind}, not a map`);
  const fields = map.entries;
  for (const key of fields.keys()) {
    if (typeof key === 'number' || !Object.hasOwn(FIELDS, key))
      malformed('TPM evidence with a field that it does not have');
  }
  const akParent = optionalField(fields, 'akParent');
  const eventLog = optionalField(fields, 'eventLog');
  const parsed: TpmDocument = {
    quote: field(fields, 'quote'),
    signature: field(fields, 'signature'),
    ak: field(fields, 'ak'),
    ...(akParent === undefined ? {} : { akParent }),
    pcrs: parsePcrs(fields.get('pcrs')),
    ...(eventLog === undefined ? {} : { eventLog }),
  };
  // One document has one spelling: nothing in it can be altered without altering what it says.
  if (!equalBytes(encodeTpmDocument(parsed), document)) malformed('TPM evidence that is not in its one encoding');
  return parsed;
}

/** Register values as CBOR, banks and indices in ascending order. */
export function encodePcrs(pcrs: PcrValues): CborInput {
  return {
    entries: PCR_BANK_NAMES.flatMap((bank) => {
      const values = pcrs.get(bank);
      return values === undefined ? [] : [[bank, { entries: [...values].toSorted(([a], [b]) => a - b) }] as const];
    }),
  };
}

/** Register values of a CBOR map as {@link encodePcrs} writes it. Throws `MalformedInput`. */
export function parsePcrs(item: CborItem | undefined): PcrValues {
  if (item?.kind !== 'map') return malformed('register values are not a map');
  const banks = [...item.entries].map(([key, values]) => {
    const bank = PCR_BANK_NAMES.find((name) => name === key) ?? malformed('a register bank that is not read');
    if (values.kind !== 'map') return malformed(`registers of bank ${bank} are not a map`);
    const registers = [...values.entries].map(([index, value]) => {
      const known = typeof index === 'number' && index >= 0 && index < PCR_COUNT;
      if (!known) return malformed(`a register of bank ${bank} that no PC has`);
      const sized = value.kind === 'bytes' && value.value.length === PCR_BANKS[bank].bytes;
      return [index, sized ? value.value : malformed(`register ${index} of bank ${bank} is not its size`)] as const;
    });
    return [bank, new Map(registers)] as const;
  });
  return new Map(banks);
}

function field(fields: Fields, name: Exclude<keyof typeof FIELDS, 'pcrs'>): Uint8Array {
  return optionalField(fields, name) ?? malformed(`TPM evidence without ${name}`);
}

function optionalField(fields: Fields, name: Exclude<keyof typeof FIELDS, 'pcrs'>): Uint8Array | undefined {
  const item = fields.get(name);
  if (item === undefined) return undefined;
  const valid = item.kind === 'bytes' && item.value.length > 0 && item.value.length <= FIELDS[name];
  return valid ? item.value : malformed(`TPM evidence: ${name} is not a byte string of 1 to ${FIELDS[name]} bytes`);
}
