import { concat, lengthPrefixed, utf8 } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { hpkeInfo } from '../hpke/info.ts';
import type { HpkeContext } from '../hpke/suite.ts';
import { STREAM_KEY_BYTES, STREAM_PREFIX_BYTES, type StreamKey } from '../stream/chunk-stream.ts';

/** HPKE `info` of every update of a study. */
export function updateInfo(manifestDigest: Uint8Array): Uint8Array {
  return hpkeInfo('update', { sender: 'participant', receiver: 'enclave' }, manifestDigest);
}

/** The stream behind a header payload; takes over and wipes `context`. */
export function updateStream(context: HpkeContext, headerPayload: Uint8Array, crypto: CryptoPort): StreamKey {
  const key = context.exportSecret('stream key', STREAM_KEY_BYTES);
  const prefix = context.exportSecret('stream nonce', STREAM_PREFIX_BYTES);
  context.wipe();
  return { key, prefix, aad: crypto.digest('sha256', headerPayload) };
}

/** The update digest: 32 bytes that name header and content, without revealing the content. */
export function updateDigest(headerPayload: Uint8Array, tags: readonly Uint8Array[], crypto: CryptoPort): Uint8Array {
  return crypto.digest('sha256', lengthPrefixed(utf8('cloister/v1/update'), headerPayload, concat(...tags)));
}
