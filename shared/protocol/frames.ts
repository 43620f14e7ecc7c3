import { concat, u32be } from '#shared/bytes/bytes.ts';
import { FRAME_BYTES_MAX, LIMITS } from './limits.ts';

/** First byte of every WebSocket message (docs/protocol.md section 3). Numbers are never reused. */
export const FRAME_KIND = { hello: 0x01, attest: 0x02, join: 0x03, sealed: 0x10, chunk: 0x11, close: 0x1f } as const;

/** Length of an X-Wing encapsulated key, bytes. */
export const ENCAPSULATED_BYTES = 1120;
/** Length of an X-Wing public key, bytes. */
export const KEM_KEY_BYTES = 1216;

const SEALED_HEADER_BYTES = 9;
const CHUNK_HEADER_BYTES = 21;
const TAG_BYTES = 16;

/** One frame, split but not yet opened. Byte fields are views into the message. */
export type Frame =
  | { readonly kind: 'hello'; readonly body: Uint8Array }
  | { readonly kind: 'attest'; readonly body: Uint8Array }
  | { readonly kind: 'join'; readonly encapsulated: Uint8Array; readonly sealed: Uint8Array }
  | { readonly kind: 'sealed'; readonly header: Uint8Array; readonly sequence: number; readonly sealed: Uint8Array }
  | { readonly kind: 'chunk'; readonly updateId: Uint8Array; readonly index: number; readonly sealed: Uint8Array }
  | { readonly kind: 'close'; readonly body: Uint8Array };

/** Splits a WebSocket message; `undefined` for an unknown kind or a length outside that kind's bounds. */
export function decodeFrame(message: Uint8Array): Frame | undefined {
  if (message.length < 2 || message.length > FRAME_BYTES_MAX) return undefined;
  const body = message.subarray(1);
  switch (message[0]) {
    case FRAME_KIND.hello:
      return message.length <= LIMITS.helloBytesMax ? { kind: 'hello', body } : undefined;
    case FRAME_KIND.attest:
      return message.length <= LIMITS.attestBytesMax ? { kind: 'attest', body } : undefined;
    case FRAME_KIND.join:
      return decodeJoinFrame(message);
    case FRAME_KIND.sealed:
      return decodeSealedFrame(message);
    case FRAME_KIND.chunk:
      return decodeChunkFrame(message);
    case FRAME_KIND.close:
      return message.length <= LIMITS.closeBytesMax ? { kind: 'close', body } : undefined;
    default:
      return undefined;
  }
}

function decodeJoinFrame(message: Uint8Array): Frame | undefined {
  if (message.length <= 1 + ENCAPSULATED_BYTES + TAG_BYTES || message.length > LIMITS.joinBytesMax) return undefined;
  return {
    kind: 'join',
    encapsulated: message.subarray(1, 1 + ENCAPSULATED_BYTES),
    sealed: message.subarray(1 + ENCAPSULATED_BYTES),
  };
}

function decodeSealedFrame(message: Uint8Array): Frame | undefined {
  if (message.length <= SEALED_HEADER_BYTES + TAG_BYTES || message.length > LIMITS.sealedBytesMax) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const sequence = view.getBigUint64(1);
  if (sequence > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return {
    kind: 'sealed',
    header: message.subarray(0, SEALED_HEADER_BYTES),
    sequence: Number(sequence),
    sealed: message.subarray(SEALED_HEADER_BYTES),
  };
}

function decodeChunkFrame(message: Uint8Array): Frame | undefined {
  if (message.length <= CHUNK_HEADER_BYTES + TAG_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return {
    kind: 'chunk',
    updateId: message.subarray(1, 17),
    index: view.getUint32(17),
    sealed: message.subarray(CHUNK_HEADER_BYTES),
  };
}

/** `kind ‖ body`, for hello, attest and close frames. */
export function plainFrame(kind: 'hello' | 'attest' | 'close', body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(FRAME_KIND[kind]), body);
}

/** `0x03 ‖ encapsulated ‖ sealed join`. */
export function joinFrame(encapsulated: Uint8Array, sealed: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(FRAME_KIND.join), encapsulated, sealed);
}

/** The 9 bytes before the ciphertext of a sealed frame; they are its associated data. */
export function sealedHeader(sequence: number): Uint8Array {
  const header = new Uint8Array(SEALED_HEADER_BYTES);
  header[0] = FRAME_KIND.sealed;
  new DataView(header.buffer).setBigUint64(1, BigInt(sequence));
  return header;
}

/** `0x11 ‖ update id ‖ u32(index) ‖ sealed chunk`: the one copy that the upload path makes. */
export function chunkFrame(updateId: Uint8Array, index: number, sealed: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(FRAME_KIND.chunk), updateId, u32be(index), sealed);
}
