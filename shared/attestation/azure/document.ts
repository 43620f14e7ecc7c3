import { equalBytes } from '../../bytes/bytes.ts';
import type { CborItem, CborKey } from '../cbor/decode.ts';
import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { malformed } from '../malformed.ts';
import { ATTEST_LIMITS } from '../tpm/attest.ts';
import { encodePcrs, parsePcrs } from '../tpm/document.ts';
import type { QuoteParts } from '../tpm/quote.ts';
import { HCL_BYTES_MAX } from './hcl.ts';

/** The parts of evidence of platform `azure-cvm`. Byte fields are views of the document. */
export interface AzureDocument {
  /** The HCL report as NV index 0x01400001 holds it, with or without the zeros behind it. */
  readonly hcl: Uint8Array;
  /** A quote for the TD report in it; on Intel TDX only. */
  readonly tdQuote?: Uint8Array;
  /**
   * A quote of the vTPM by the key HCLAkPub: TPMS_ATTEST, TPMT_SIGNATURE and registers. Without it evidence can be read,
   * and is refused.
   */
  readonly tpm?: QuoteParts;
}

/** Fields with their bounds in bytes. */
const FIELDS = {
  hcl: HCL_BYTES_MAX,
  tdQuote: 32 * 1024,
  tpmQuote: ATTEST_LIMITS.bytes,
  tpmSignature: 1024,
  pcrs: 0,
} as const;

type Fields = ReadonlyMap<CborKey, CborItem>;

/** The document as CBOR: a map of `hcl`, `tdQuote`, `tpmQuote`, `tpmSignature`, `pcrs`, in this order. */
export function encodeAzureDocument({ hcl, tdQuote, tpm }: AzureDocument): Uint8Array {
  return encodeCbor({
    entries: [
      ['hcl', hcl],
      ...(tdQuote === undefined ? [] : [['tdQuote', tdQuote] as const]),
      ...(tpm === undefined
        ? []
        : ([
            ['tpmQuote', tpm.quote],
            ['tpmSignature', tpm.signature],
            ['pcrs', encodePcrs(tpm.pcrs)],
          ] as const)),
    ],
  });
}

/** Parses what {@link encodeAzureDocument} writes, and no other spelling of it. Throws `MalformedInput`. */
export function parseAzureDocument(document: Uint8Array): AzureDocument {
  const map = decodeCbor(document);
  if (map.kind !== 'map') return malformed(`Azure evidence is a CBOR ${map.kind}, not a map`);
  const fields = map.entries;
  for (const key of fields.keys()) {
    if (typeof key === 'number' || !Object.hasOwn(FIELDS, key)) {
      malformed('Azure evidence with a field that it does not have');
    }
  }
  const tdQuote = field(fields, 'tdQuote');
  const tpm = parseTpm(fields);
  const parsed: AzureDocument = {
    hcl: field(fields, 'hcl') ?? malformed('Azure evidence without hcl'),
    ...(tdQuote === undefined ? {} : { tdQuote }),
    ...(tpm === undefined ? {} : { tpm }),
  };
  // One document has one spelling: nothing in it can be altered without altering what it says.
  if (!equalBytes(encodeAzureDocument(parsed), document)) malformed('Azure evidence that is not in its one encoding');
  return parsed;
}

function parseTpm(fields: Fields): QuoteParts | undefined {
  const quote = field(fields, 'tpmQuote');
  const signature = field(fields, 'tpmSignature');
  const pcrs = fields.get('pcrs');
  if (quote === undefined && signature === undefined && pcrs === undefined) return undefined;
  if (quote === undefined || signature === undefined) return malformed('Azure evidence with a part of a TPM quote');
  return { quote, signature, pcrs: parsePcrs(pcrs) };
}

function field(fields: Fields, name: Exclude<keyof typeof FIELDS, 'pcrs'>): Uint8Array | undefined {
  const item = fields.get(name);
  if (item === undefined) return undefined;
  const valid = item.kind === 'bytes' && item.value.length > 0 && item.value.length <= FIELDS[name];
  return valid ? item.value : malformed(`Azure evidence: ${name} is not a byte string of 1 to ${FIELDS[name]} bytes`);
}
