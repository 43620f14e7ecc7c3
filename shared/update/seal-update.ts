import { equalBytes } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { type Signed, signPayload } from '../dsse/dsse.ts';
import { PAYLOAD_TYPES } from '../dsse/types.ts';
import { assert } from '../fault/fault.ts';
import { setupSender } from '../hpke/seal.ts';
import { KEM_X_WING } from '../hpke/suite.ts';
import {
  chunkCountOf,
  PRELUDE_BYTES_MAX,
  type StreamKey,
  sealChunk,
  TAG_BYTES,
  tensorRange,
} from '../stream/chunk-stream.ts';
import { encodeUpdateHeader } from './header.ts';
import { encodePrelude, type UpdatePrelude } from './prelude.ts';
import { updateDigest, updateInfo, updateStream } from './stream.ts';

/** What an update is sealed to: the fields of a round opening that the attested enclave signed. */
export interface UpdateTarget {
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly attempt: number;
  /** X-Wing public key of this attempt, 1216 bytes. */
  readonly roundKey: Uint8Array;
  readonly baseRelease: Uint8Array;
  readonly layoutDigest: Uint8Array;
  readonly chunkBytes: number;
}

/** Who sends it. The secret key is the Ed25519 seed of the identity; it is used at once and not kept. */
export interface UpdateSender {
  readonly participant: string;
  readonly identitySecretKey: Uint8Array;
  /** 16 random bytes, new for each update. */
  readonly updateId: Uint8Array;
}

/**
 * What is sent. `tensorBytes` are the little-endian float32 changes of all weights; they are not copied and must stay
 * unchanged until the update is in.
 */
export interface UpdateContent {
  readonly prelude: UpdatePrelude;
  readonly tensorBytes: Uint8Array;
}

/**
 * A sealed update, chunk by chunk. The same index always gives the same bytes, so a chunk can be sent again after a
 * lost connection.
 */
export class UpdateSealer {
  /** The header to send in `begin`. */
  readonly header: Signed;
  readonly updateId: Uint8Array;
  readonly chunkCount: number;
  readonly #shape: { readonly tensorBytes: number; readonly chunkBytes: number };
  readonly #prelude: Uint8Array;
  readonly #tensorBytes: Uint8Array;
  readonly #stream: StreamKey;
  readonly #tags = new Map<number, Uint8Array>();
  readonly #crypto: CryptoPort;
  #wiped = false;

  /** Draws the key of this update and signs its header. Throws `RangeError` for a malformed round key. */
  constructor(target: UpdateTarget, sender: UpdateSender, content: UpdateContent, crypto: CryptoPort) {
    const { manifestDigest, roundKey, chunkBytes } = target;
    const { participant, updateId, identitySecretKey } = sender;
    assert(content.tensorBytes.length > 0, 'an update changes at least one weight');
    this.#shape = { tensorBytes: content.tensorBytes.length, chunkBytes };
    this.#prelude = encodePrelude(content.prelude);
    assert(this.#prelude.length <= PRELUDE_BYTES_MAX, `a prelude has at most ${PRELUDE_BYTES_MAX} bytes`);
    const { encapsulated, context } = setupSender(crypto.xWing, roundKey, updateInfo(manifestDigest), crypto);
    const fields = { ...target, participant, updateId, kem: KEM_X_WING, encapsulated, ...this.#shape };
    const payload = encodeUpdateHeader(fields);
    this.header = signPayload(PAYLOAD_TYPES.updateHeader, payload, identitySecretKey, crypto);
    this.updateId = updateId;
    this.chunkCount = chunkCountOf(this.#shape);
    this.#tensorBytes = content.tensorBytes;
    this.#stream = updateStream(context, payload, crypto);
    this.#crypto = crypto;
  }

  /**
   * Sealed chunk `index` in [0, chunkCount). Asserts that its plaintext is the one sealed before at this index: two
   * plaintexts under one nonce would give away both.
   */
  async chunk(index: number): Promise<Uint8Array> {
    const sealed = await sealChunk(
      this.#stream,
      { index, count: this.chunkCount },
      this.#plaintext(index),
      this.#crypto,
    );
    const tag = sealed.slice(sealed.length - TAG_BYTES);
    const before = this.#tags.get(index);
    assert(before === undefined || equalBytes(before, tag), 'the tensor bytes changed while the update was being sent');
    this.#tags.set(index, tag);
    return sealed;
  }

  /** The update digest that an honest receipt will name. Asserts that every chunk has been sealed. */
  digest(): Uint8Array {
    const tags = Array.from({ length: this.chunkCount }, (_, index) => {
      const tag = this.#tags.get(index);
      assert(tag !== undefined, `chunk ${index} has not been sealed yet`);
      return tag;
    });
    return updateDigest(this.header.payload, tags, this.#crypto);
  }

  /** Overwrites the stream key; no chunk can be sealed afterwards. */
  wipe(): void {
    this.#stream.key.fill(0);
    this.#wiped = true;
  }

  #plaintext(index: number): Uint8Array {
    assert(!this.#wiped, 'the key of this update was wiped');
    if (index === 0) return this.#prelude;
    const { start, end } = tensorRange(this.#shape, index);
    return this.#tensorBytes.subarray(start, end);
  }
}
