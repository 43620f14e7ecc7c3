/**
 * The fixed parts of a release payload (protocol section 7): magic, lengths, stream key, prelude.
 */
import { type Static, Type } from '@sinclair/typebox';
import { lengthPrefixed, u32be, utf8 } from '../bytes/bytes.ts';
import { decodeMsgpack, encodeMsgpack, exactly } from '../codec/msgpack.ts';
import type { CryptoPort } from '../crypto/port.ts';
import {
  PRELUDE_BYTES_MAX,
  STREAM_PREFIX_BYTES,
  type StreamKey,
  type StreamShape,
  sealedTensorBytes,
  TAG_BYTES,
} from '../stream/chunk-stream.ts';

/** First eight bytes of every payload. */
export const MAGIC = utf8('CLOISTR1');

/** Longest list of stanzas: room for 1600 recipients. */
export const STANZAS_BYTES_MAX = 2 * 1024 * 1024;

/** The place of a release in its study; everything sealed in it is bound to this. */
export interface ReleasePlace {
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly previous: Uint8Array;
}

const ReleasePreludeSchema = exactly({
  metrics: Type.Record(Type.String({ pattern: '^[A-Za-z0-9_./-]{1,64}$' }), Type.Number(), {
    additionalProperties: false,
    maxProperties: 32,
  }),
  contributions: Type.Integer({ minimum: 0, maximum: 0xffffffff }),
});

/** What travels sealed beside the weights: mean metrics by name, and how many updates were counted. */
export type ReleasePrelude = Static<typeof ReleasePreludeSchema>;

/** Bytes of a prelude: the plaintext of chunk 0. */
export function encodeReleasePrelude({ metrics, contributions }: ReleasePrelude): Uint8Array {
  return encodeMsgpack({ metrics, contributions });
}

/** Reads a prelude, or `undefined` when it is malformed or a metric is not finite. */
export function decodeReleasePrelude(bytes: Uint8Array): ReleasePrelude | undefined {
  return decodeMsgpack(ReleasePreludeSchema, bytes, PRELUDE_BYTES_MAX);
}

/** The stream of the weights under a content key. The prefix may be zero: a content key serves one release. */
export function releaseStream(contentKey: Uint8Array, place: ReleasePlace, crypto: CryptoPort): StreamKey {
  const { manifestDigest, round, previous } = place;
  const bound = lengthPrefixed(utf8('cloister/v1/release-body'), manifestDigest, u32be(round), previous);
  return { key: contentKey, prefix: new Uint8Array(STREAM_PREFIX_BYTES), aad: crypto.digest('sha256', bound) };
}

/** Longest payload that a release of this shape can have. */
export function payloadBytesMax(shape: StreamShape): number {
  const fixed = MAGIC.length + 4 + 4;
  return fixed + STANZAS_BYTES_MAX + PRELUDE_BYTES_MAX + TAG_BYTES + sealedTensorBytes(shape);
}
