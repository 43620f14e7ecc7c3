import { malformed } from '../malformed.ts';
import type { DerReader } from './reader.ts';
import { TAG } from './reader.ts';

/** Dotted text of an object identifier's content octets (X.690 section 8.19). Throws `MalformedInput`. */
export function oidText(content: Uint8Array): string {
  const arcs: number[] = [];
  let value = 0;
  let open = false;
  for (const byte of content) {
    if (!open && byte === 0x80) malformed('object identifier arc with a leading zero');
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER) malformed('object identifier arc beyond 2^53 - 1');
    open = byte >= 0x80;
    if (open) continue;
    if (arcs.length === 0) {
      const root = Math.min(Math.floor(value / 40), 2);
      arcs.push(root, value - 40 * root);
    } else {
      arcs.push(value);
    }
    value = 0;
  }
  if (open || arcs.length === 0) malformed('object identifier that is empty or ends inside an arc');
  return arcs.join('.');
}

/** Reads an OBJECT IDENTIFIER as dotted text. */
export function readOid(reader: DerReader): string {
  return oidText(reader.expect(TAG.oid).content);
}

/** Reads a BOOLEAN: 0x00 or 0xff (X.690 section 11.1). */
export function readBoolean(reader: DerReader): boolean {
  const { content } = reader.expect(TAG.boolean);
  if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff))
    malformed('BOOLEAN that is neither 0x00 nor 0xff');
  return content[0] === 0xff;
}

/** Reads a non-negative INTEGER in shortest form: its content octets, sign octet included. */
export function readUnsignedInteger(reader: DerReader): Uint8Array {
  const { content } = reader.expect(TAG.integer);
  const [first, second] = content;
  if (first === undefined) return malformed('INTEGER without octets');
  if (first >= 0x80) malformed('negative INTEGER');
  if (first === 0 && second !== undefined && second < 0x80) malformed('INTEGER not in its shortest form');
  return content;
}

/** Reads an INTEGER from 0 to 255. */
export function readSmallInteger(reader: DerReader): number {
  const content = readUnsignedInteger(reader);
  let value = 0;
  for (const byte of content) value = value * 256 + byte;
  if (value > 255) malformed('INTEGER above 255');
  return value;
}

/** Reads a BIT STRING of whole octets (keys, signatures). */
export function readOctetsOfBitString(reader: DerReader): Uint8Array {
  const { content } = reader.expect(TAG.bitString);
  if (content[0] !== 0) malformed('BIT STRING that is not a whole number of octets');
  return content.subarray(1);
}

/** Reads a BIT STRING of named bits (X.690 section 11.2): whether bit `n` is set. */
export function readNamedBits(reader: DerReader): (bit: number) => boolean {
  const { content } = reader.expect(TAG.bitString);
  const unused = content[0];
  if (unused === undefined || unused > 7 || (content.length === 1 && unused > 0))
    return malformed('BIT STRING with a bad count of unused bits');
  const bits = content.subarray(1);
  const last = bits[bits.length - 1] ?? 0;
  if ((last & ((1 << unused) - 1)) !== 0) malformed('BIT STRING with unused bits that are set');
  return (bit) => ((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
}
