/**
 * Walks MessagePack bytes without building anything. A decoder that trusts the lengths inside a message can be made to
 * reserve gigabytes by a hundred bytes (an array header that claims 2^32 elements costs 5); after this walk every
 * claimed length is known to be backed by bytes that are really there.
 */

/** Nesting of our deepest message is 4; a little room above it. */
const DEPTH_MAX = 8;

/**
 * Whether `bytes` are exactly one MessagePack value, whole and without bytes after it, of nil, booleans, integers,
 * float64, str, bin, arrays and maps with str keys only, nested at most 8 deep. Extension types are refused.
 */
export function isPlainMsgpack(bytes: Uint8Array): boolean {
  const end = skipValue(bytes, 0, 0);
  return end === bytes.length;
}

/** Offset behind the value at `offset`, or `undefined` when there is none. */
function skipValue(bytes: Uint8Array, offset: number, depth: number): number | undefined {
  const head = bytes[offset];
  if (head === undefined || depth > DEPTH_MAX) return undefined;
  if (head <= 0x7f || head >= 0xe0) return offset + 1;
  if (head <= 0x8f) return skipPairs(bytes, offset + 1, head & 0x0f, depth);
  if (head <= 0x9f) return skipValues(bytes, offset + 1, head & 0x0f, depth);
  if (head <= 0xbf) return within(bytes, offset + 1 + (head & 0x1f));
  return skipTyped(bytes, offset, head, depth);
}

function skipTyped(bytes: Uint8Array, offset: number, head: number, depth: number): number | undefined {
  switch (head) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return offset + 1;
    case 0xc4: // bin 8, 16, 32
    case 0xd9: // str 8, 16, 32
      return skipBlob(bytes, offset + 1, 1);
    case 0xc5:
    case 0xda:
      return skipBlob(bytes, offset + 1, 2);
    case 0xc6:
    case 0xdb:
      return skipBlob(bytes, offset + 1, 4);
    case 0xcc: // uint 8, int 8
    case 0xd0:
      return within(bytes, offset + 2);
    case 0xcd: // uint 16, int 16
    case 0xd1:
      return within(bytes, offset + 3);
    case 0xce: // uint 32, int 32
    case 0xd2:
      return within(bytes, offset + 5);
    case 0xcb: // float 64, uint 64, int 64
    case 0xcf:
    case 0xd3:
      return within(bytes, offset + 9);
    case 0xdc: // array 16, 32
    case 0xdd:
    case 0xde: // map 16, 32
    case 0xdf:
      return skipLong(bytes, offset, head, depth);
    default: // never used, extension types and float 32
      return undefined;
  }
}

/** Arrays and maps with a 2- or 4-byte count. */
function skipLong(bytes: Uint8Array, offset: number, head: number, depth: number): number | undefined {
  const width = head === 0xdc || head === 0xde ? 2 : 4;
  const count = lengthAt(bytes, offset + 1, width);
  if (count === undefined) return undefined;
  const skip = head >= 0xde ? skipPairs : skipValues;
  return skip(bytes, offset + 1 + width, count, depth);
}

function skipValues(bytes: Uint8Array, offset: number, count: number, depth: number): number | undefined {
  let at: number | undefined = offset;
  for (let i = 0; i < count && at !== undefined; i++) at = skipValue(bytes, at, depth + 1);
  return at;
}

function skipPairs(bytes: Uint8Array, offset: number, count: number, depth: number): number | undefined {
  let at: number | undefined = offset;
  for (let i = 0; i < count && at !== undefined; i++) {
    const afterKey: number | undefined = isStringHead(bytes[at]) ? skipValue(bytes, at, depth + 1) : undefined;
    at = afterKey === undefined ? undefined : skipValue(bytes, afterKey, depth + 1);
  }
  return at;
}

function isStringHead(head: number | undefined): boolean {
  return head !== undefined && ((head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb));
}

function skipBlob(bytes: Uint8Array, offset: number, width: number): number | undefined {
  const length = lengthAt(bytes, offset, width);
  return length === undefined ? undefined : within(bytes, offset + width + length);
}

function lengthAt(bytes: Uint8Array, offset: number, width: number): number | undefined {
  if (offset + width > bytes.length) return undefined;
  let length = 0;
  for (let i = 0; i < width; i++) length = length * 256 + (bytes[offset + i] ?? 0);
  return length;
}

function within(bytes: Uint8Array, end: number): number | undefined {
  return end <= bytes.length ? end : undefined;
}
