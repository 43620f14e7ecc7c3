import { EMPTY } from '../../bytes/bytes.ts';
import type { CborItem, CborKey } from '../cbor/decode.ts';
import { decodeCbor } from '../cbor/decode.ts';
import { malformed } from '../malformed.ts';

/**
 * The payload of an AWS Nitro attestation document, as the Nitro Secure Module defines it ("Attestation document
 * specification" of the Nitro Enclaves user guide). Byte fields are views of the payload.
 */
export interface NitroDocument {
  readonly moduleId: string;
  /** When the module made the document, ms since 1970. */
  readonly timestampMs: number;
  /** SHA-384 registers by index, 0 to 31; a device shows those that are locked. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** DER of the certificate whose key signed the document. */
  readonly certificate: Uint8Array;
  /** DER of the certificates above it, root first. */
  readonly cabundle: readonly [Uint8Array, ...Uint8Array[]];
  /** Empty where the request left it out. */
  readonly publicKey: Uint8Array;
  readonly userData: Uint8Array;
  readonly nonce: Uint8Array;
}

/** Bounds of the specification in bytes, and two of ours: on the chain's length and on the module's name. */
export const NITRO_LIMITS = {
  payload: 16 * 1024,
  certificate: 1024,
  chain: 8,
  moduleId: 256,
  pcrIndex: 31,
  pcrBytes: 48,
  publicKey: 1024,
  userData: 1024,
  nonce: 512,
} as const;

const FIELDS: readonly CborKey[] = [
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
];

type Fields = ReadonlyMap<CborKey, CborItem>;

/** Parses the payload of a Nitro document: known fields only, each of its type and size. Throws `MalformedInput`. */
export function parseNitroDocument(payload: Uint8Array): NitroDocument {
  if (payload.length > NITRO_LIMITS.payload)
    malformed(`Nitro payload of ${payload.length} bytes; at most ${NITRO_LIMITS.payload}`);
  const map = decodeCbor(payload);
  if (map.kind !== 'map') return malformed(`Nitro payload is a CBOR ${map.kind}, not a map`);
  const fields = map.entries;
  for (const key of fields.keys()) {
    // The key itself is the peer's text, so it is not repeated.
    if (!FIELDS.includes(key)) malformed('Nitro payload holds a field that the format does not have');
  }
  return {
    moduleId: readModuleId(fields),
    timestampMs: readTimestamp(fields),
    pcrs: readPcrs(fields),
    certificate: sizedBytes(fields.get('certificate'), 'certificate', 1, NITRO_LIMITS.certificate),
    cabundle: readBundle(fields),
    publicKey: optionalBytes(fields, 'public_key', 1, NITRO_LIMITS.publicKey),
    userData: optionalBytes(fields, 'user_data', 0, NITRO_LIMITS.userData),
    nonce: optionalBytes(fields, 'nonce', 0, NITRO_LIMITS.nonce),
  };
}

function readModuleId(fields: Fields): string {
  const item = fields.get('module_id');
  const valid = item?.kind === 'text' && item.value.length > 0 && item.value.length <= NITRO_LIMITS.moduleId;
  return valid ? item.value : malformed(`Nitro module_id is not text of 1 to ${NITRO_LIMITS.moduleId} characters`);
}

function readTimestamp(fields: Fields): number {
  const item = fields.get('timestamp');
  return item?.kind === 'integer' && item.value > 0
    ? item.value
    : malformed('Nitro timestamp is not a positive integer');
}

function readPcrs(fields: Fields): ReadonlyMap<number, Uint8Array> {
  const digest = fields.get('digest');
  if (digest?.kind !== 'text' || digest.value !== 'SHA384') malformed('Nitro digest is not "SHA384"');
  const map = fields.get('pcrs');
  if (map?.kind !== 'map') return malformed('Nitro pcrs is not a map');
  const pcrs = new Map<number, Uint8Array>();
  for (const [index, item] of map.entries) {
    if (typeof index !== 'number' || index < 0 || index > NITRO_LIMITS.pcrIndex) {
      return malformed(`a Nitro PCR index is not an integer from 0 to ${NITRO_LIMITS.pcrIndex}`);
    }
    pcrs.set(index, sizedBytes(item, `PCR${index}`, NITRO_LIMITS.pcrBytes, NITRO_LIMITS.pcrBytes));
  }
  return pcrs;
}

function readBundle(fields: Fields): NitroDocument['cabundle'] {
  const item = fields.get('cabundle');
  const entries = item?.kind === 'array' && item.items.length <= NITRO_LIMITS.chain ? item.items : [];
  const [root, ...others] = entries.map((entry) => sizedBytes(entry, 'cabundle entry', 1, NITRO_LIMITS.certificate));
  if (root === undefined) return malformed(`Nitro cabundle is not an array of 1 to ${NITRO_LIMITS.chain} certificates`);
  return [root, ...others];
}

function sizedBytes(item: CborItem | undefined, what: string, least: number, most: number): Uint8Array {
  const valid = item?.kind === 'bytes' && item.value.length >= least && item.value.length <= most;
  return valid ? item.value : malformed(`Nitro ${what} is not a byte string of ${least} to ${most} bytes`);
}

function optionalBytes(fields: Fields, key: string, least: number, most: number): Uint8Array {
  const item = fields.get(key);
  return item === undefined || item.kind === 'null' ? EMPTY : sizedBytes(item, key, least, most);
}
