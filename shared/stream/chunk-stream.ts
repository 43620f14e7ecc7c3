/**
 * Chunk streams (protocol section 1.3, after the STREAM construction): bulk bytes in AES-256-GCM chunks whose nonce
 * holds the index and a mark on the last, so that chunks cannot be reordered, dropped, repeated or cut off.
 */
import { u32be } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { assert } from '../fault/fault.ts';

/** Length of a stream key, bytes. */
export const STREAM_KEY_BYTES = 32;
/** Length of the nonce prefix of a stream, bytes. */
export const STREAM_PREFIX_BYTES = 7;
/** Length of the tag that each sealed chunk carries, bytes. */
export const TAG_BYTES = 16;

/** Longest prelude, the plaintext of chunk 0; it is never empty. */
export const PRELUDE_BYTES_MAX = 16 * 1024;

/** What all chunks of one stream share. A key belongs to one stream: it never seals two plaintexts at one index. */
export interface StreamKey {
  readonly key: Uint8Array;
  readonly prefix: Uint8Array;
  readonly aad: Uint8Array;
}

/** Where a chunk stands: index within [0, count). */
export interface ChunkPlace {
  readonly index: number;
  readonly count: number;
}

/** Sizes in bytes that a stream's tensors and chunks have. */
export interface StreamShape {
  readonly tensorBytes: number;
  readonly chunkBytes: number;
}

/** A range of sizes in bytes, both ends included. */
export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

/** Number of chunks: the prelude and as many as the tensor bytes need. */
export function chunkCountOf({ tensorBytes, chunkBytes }: StreamShape): number {
  assert(Number.isSafeInteger(tensorBytes) && tensorBytes >= 0, `not a size of tensors: ${tensorBytes}`);
  assert(Number.isSafeInteger(chunkBytes) && chunkBytes > 0, `not a size of chunks: ${chunkBytes}`);
  const count = 1 + Math.ceil(tensorBytes / chunkBytes);
  assert(count <= 0xffffffff, 'a stream has fewer chunks than its counter has values');
  return count;
}

/** Which tensor bytes chunk `index` (1 or above) carries: `start` included, `end` not. */
export function tensorRange(shape: StreamShape, index: number): { readonly start: number; readonly end: number } {
  assert(index >= 1 && index < chunkCountOf(shape), `chunk ${index} carries no tensor bytes`);
  const start = (index - 1) * shape.chunkBytes;
  return { start, end: Math.min(start + shape.chunkBytes, shape.tensorBytes) };
}

/** How long sealed chunk `index` is: exact for tensor chunks, a range for the prelude. */
export function sealedSize(shape: StreamShape, index: number): SizeRange {
  if (index === 0) return { min: 1 + TAG_BYTES, max: PRELUDE_BYTES_MAX + TAG_BYTES };
  const { start, end } = tensorRange(shape, index);
  return { min: end - start + TAG_BYTES, max: end - start + TAG_BYTES };
}

/** Length of all sealed tensor chunks together, without chunk 0. */
export function sealedTensorBytes(shape: StreamShape): number {
  return shape.tensorBytes + (chunkCountOf(shape) - 1) * TAG_BYTES;
}

/** Seals one chunk; the result is 16 bytes longer than `plaintext`. */
export function sealChunk(
  stream: StreamKey,
  place: ChunkPlace,
  plaintext: Uint8Array,
  crypto: CryptoPort,
): Promise<Uint8Array> {
  return crypto.aesGcmSeal(stream.key, nonceOf(stream, place), stream.aad, plaintext);
}

/** Opens one chunk, or `undefined` when it is not the chunk of this stream at this place. */
export function openChunk(
  stream: StreamKey,
  place: ChunkPlace,
  sealed: Uint8Array,
  crypto: CryptoPort,
): Promise<Uint8Array | undefined> {
  return crypto.aesGcmOpen(stream.key, nonceOf(stream, place), stream.aad, sealed);
}

function nonceOf(stream: StreamKey, { index, count }: ChunkPlace): Uint8Array {
  assert(stream.prefix.length === STREAM_PREFIX_BYTES, 'a nonce prefix has 7 bytes');
  assert(Number.isInteger(index) && index >= 0 && index < count, `chunk ${index} is not one of ${count}`);
  const nonce = new Uint8Array(STREAM_PREFIX_BYTES + 5);
  nonce.set(stream.prefix);
  nonce.set(u32be(index), STREAM_PREFIX_BYTES);
  nonce[STREAM_PREFIX_BYTES + 4] = index === count - 1 ? 0x01 : 0x00;
  return nonce;
}
