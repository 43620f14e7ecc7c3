/**
 * Walks MessagePack bytes without building anything and answers whether they are one value of the subset that the
 * protocol speaks. It runs before the decoder, so that no extension type, doubled key or hostile length ever
 * reaches it.
 */
import { textOf } from '../bytes/bytes.ts';

/** Containers within containers that any message needs; deeper is refused. */
export const NESTING_MAX = 8;

const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Upper half of the largest safe integer: beyond it a 64-bit integer would lose bits as a number. */
const SAFE_HIGH_MAX = 0x1fffff;

/** Where the walk stands. */
interface Walk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position: number;
}

/**
 * Whether `bytes` hold exactly one value made of maps with distinct text keys, arrays, integers in the safe range,
 * float64, bin, str, nil and bool: no extension type, no float32, no bytes after the value, at most `NESTING_MAX` deep.
 */
export function isStrictMsgpack(bytes: Uint8Array): boolean {
  const walk = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), position: 0 };
  return skipValue(walk, 0) && walk.position === bytes.length;
}

function skipValue(walk: Walk, depth: number): boolean {
  const tag = walk.bytes[walk.position];
  if (tag === undefined) return false;
  walk.position += 1;
  if (tag <= 0x7f || tag >= 0xe0) return true;
  if (tag <= 0x8f) return skipMap(walk, tag & 0x0f, depth);
  if (tag <= 0x9f) return skipArray(walk, tag & 0x0f, depth);
  if (tag <= 0xbf) return takeText(walk, tag & 0x1f) !== undefined;
  return skipTagged(walk, tag, depth);
}

/** The formats with a byte of their own, 0xc0 to 0xdf (MessagePack specification, "Formats"). */
function skipTagged(walk: Walk, tag: number, depth: number): boolean {
  switch (tag) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return true;
    case 0xc4: // bin 8, 16, 32
    case 0xc5:
    case 0xc6:
      return skipBytes(walk, takeLength(walk, 1 << (tag - 0xc4)));
    case 0xcb: // float 64
      return skipBytes(walk, 8);
    case 0xcc: // uint 8, 16, 32
    case 0xcd:
    case 0xce:
      return skipBytes(walk, 1 << (tag - 0xcc));
    case 0xd0: // int 8, 16, 32
    case 0xd1:
    case 0xd2:
      return skipBytes(walk, 1 << (tag - 0xd0));
    case 0xcf: // uint 64, int 64
    case 0xd3:
      return skipInteger64(walk, tag === 0xd3);
    case 0xd9: // str 8, 16, 32
    case 0xda:
    case 0xdb:
      return takeText(walk, takeLength(walk, 1 << (tag - 0xd9))) !== undefined;
    case 0xdc: // array 16, 32
    case 0xdd:
      return skipArray(walk, takeLength(walk, tag === 0xdc ? 2 : 4), depth);
    case 0xde: // map 16, 32
    case 0xdf:
      return skipMap(walk, takeLength(walk, tag === 0xde ? 2 : 4), depth);
    default: // extension types, float 32 and the unused 0xc1
      return false;
  }
}

function skipArray(walk: Walk, count: number | undefined, depth: number): boolean {
  if (count === undefined || depth >= NESTING_MAX) return false;
  for (let i = 0; i < count; i++) if (!skipValue(walk, depth + 1)) return false;
  return true;
}

function skipMap(walk: Walk, count: number | undefined, depth: number): boolean {
  if (count === undefined || depth >= NESTING_MAX) return false;
  const keys = new Set<string>();
  for (let i = 0; i < count; i++) {
    const key = takeKey(walk);
    if (key === undefined || keys.has(key) || PROTOTYPE_KEYS.has(key)) return false;
    keys.add(key);
    if (!skipValue(walk, depth + 1)) return false;
  }
  return true;
}

function takeKey(walk: Walk): string | undefined {
  const tag = walk.bytes[walk.position];
  if (tag === undefined) return undefined;
  walk.position += 1;
  if (tag >= 0xa0 && tag <= 0xbf) return takeText(walk, tag & 0x1f);
  if (tag >= 0xd9 && tag <= 0xdb) return takeText(walk, takeLength(walk, 1 << (tag - 0xd9)));
  return undefined;
}

function takeText(walk: Walk, length: number | undefined): string | undefined {
  const start = walk.position;
  return skipBytes(walk, length) ? textOf(walk.bytes.subarray(start, walk.position)) : undefined;
}

/** An unsigned length of 1, 2 or 4 bytes. */
function takeLength(walk: Walk, width: number): number | undefined {
  const at = walk.position;
  if (!skipBytes(walk, width)) return undefined;
  if (width === 1) return walk.view.getUint8(at);
  return width === 2 ? walk.view.getUint16(at) : walk.view.getUint32(at);
}

function skipInteger64(walk: Walk, signed: boolean): boolean {
  const at = walk.position;
  if (!skipBytes(walk, 8)) return false;
  const high = signed ? walk.view.getInt32(at) : walk.view.getUint32(at);
  // One value below the safe range, -2^53 itself, has this upper half too; as a number it is exact.
  return high <= SAFE_HIGH_MAX && high >= -SAFE_HIGH_MAX - 1;
}

function skipBytes(walk: Walk, count: number | undefined): boolean {
  if (count === undefined || count > walk.bytes.length - walk.position) return false;
  walk.position += count;
  return true;
}
