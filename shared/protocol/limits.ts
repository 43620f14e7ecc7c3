import { assert } from '#shared/fault/fault.ts';

/** Protocol version. */
export const PROTOCOL_VERSION = 1;
/** The WebSocket subprotocol that negotiates the version. */
export const SUBPROTOCOL = 'cloister.v1';

/** Every bound of the wire in one place; bytes unless the name says otherwise. */
export const LIMITS = {
  helloBytesMax: 2 * 1024,
  attestBytesMax: 192 * 1024,
  joinBytesMax: 192 * 1024,
  sealedBytesMax: 64 * 1024,
  closeBytesMax: 256,
  evidenceBytesMax: 64 * 1024,
  endorsementBytesMax: 48 * 1024,
  endorsementsMax: 12,
  /** Evidence and all its endorsements together. */
  evidenceTotalBytesMax: 160 * 1024,
  noncesPerQuoteMax: 4096,
  noncePathMax: 12,
  preludeBytesMax: 16 * 1024,
  chunkBytesMin: 1024,
  chunkBytesMax: 1024 * 1024,
  metricsMax: 32,
  participantsMax: 4096,
  signedPayloadBytesMax: 16 * 1024,
  /** Sealed frames under one traffic key: `epoch = sequence >> epochShift`. */
  epochShift: 16,
} as const;

/** Longest frame that anybody may send: one chunk with its header and tag. */
export const FRAME_BYTES_MAX = 1 + 16 + 4 + LIMITS.chunkBytesMax + 16;

assert(2 ** LIMITS.noncePathMax >= LIMITS.noncesPerQuoteMax, 'a nonce path is as long as the tree is deep');
assert(LIMITS.preludeBytesMax <= LIMITS.chunkBytesMax, 'a prelude fits a chunk frame');
assert(LIMITS.evidenceTotalBytesMax + 8 * 1024 < LIMITS.attestBytesMax, 'evidence fits its frame');
assert(LIMITS.evidenceTotalBytesMax + 8 * 1024 < LIMITS.joinBytesMax, "a participant's evidence fits its frame");
assert(LIMITS.signedPayloadBytesMax < LIMITS.sealedBytesMax, 'a signed value fits a sealed frame');
assert(FRAME_BYTES_MAX > LIMITS.sealedBytesMax, 'the chunk frame is the longest');
