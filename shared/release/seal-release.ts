/**
 * The enclave's side of a release: the payload piece by piece, then the signed statement over its digest.
 */
import { concat, equalBytes, u32be } from '../bytes/bytes.ts';
import { encodeMsgpack } from '../codec/msgpack.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { encodeEnvelope, keyIdOf, signPayload } from '../dsse/dsse.ts';
import { PAYLOAD_TYPES } from '../dsse/types.ts';
import { assert } from '../fault/fault.ts';
import {
  type ChunkPlace,
  chunkCountOf,
  type StreamKey,
  sealChunk,
  sealedTensorBytes,
  TAG_BYTES,
  tensorRange,
} from '../stream/chunk-stream.ts';
import {
  encodeReleasePrelude,
  MAGIC,
  type ReleasePlace,
  type ReleasePrelude,
  releaseStream,
  STANZAS_BYTES_MAX,
} from './body.ts';
import { type Recipient, sealStanza } from './stanza.ts';
import { encodeStatement, type ReleaseStatement, STATEMENT_BYTES_MAX } from './statement.ts';

/** What a release is sealed for. */
export interface ReleaseTarget extends ReleasePlace {
  readonly recipients: readonly Recipient[];
  readonly chunkBytes: number;
}

/** What is sealed. `tensorBytes` are the little-endian float32 weights, not copied: unchanged until all is sealed. */
export interface ReleaseContent {
  readonly prelude: ReleasePrelude;
  readonly tensorBytes: Uint8Array;
}

/** Seals one release under a content key of its own, in memory for one chunk beside the weights. */
export class ReleaseSealer {
  /** Length of the whole payload, known before it is made. */
  readonly payloadBytes: number;
  readonly #head: Uint8Array;
  readonly #stream: StreamKey;
  readonly #tags = new Map<number, Uint8Array>();
  readonly #target: ReleaseTarget;
  readonly #tensorBytes: Uint8Array;
  readonly #crypto: CryptoPort;
  #digest: Uint8Array | undefined;
  #wiped = false;

  private constructor(
    sealed: { readonly head: Uint8Array; readonly stream: StreamKey },
    target: ReleaseTarget,
    tensorBytes: Uint8Array,
    crypto: CryptoPort,
  ) {
    this.#head = sealed.head;
    this.#stream = sealed.stream;
    this.#target = target;
    this.#tensorBytes = tensorBytes;
    this.#crypto = crypto;
    const shape = { tensorBytes: tensorBytes.length, chunkBytes: target.chunkBytes };
    this.payloadBytes = sealed.head.length + sealedTensorBytes(shape);
  }

  /** Draws the content key and wraps it for every recipient. Throws `RangeError` for a malformed release key. */
  static async create(target: ReleaseTarget, content: ReleaseContent, crypto: CryptoPort): Promise<ReleaseSealer> {
    const { tensorBytes } = content;
    assert(tensorBytes.length > 0, 'a release holds at least one weight');
    const contentKey = crypto.randomBytes(32);
    const stanzas = [];
    for (const recipient of target.recipients) stanzas.push(await sealStanza(recipient, contentKey, target, crypto));
    const encoded = encodeMsgpack(stanzas);
    assert(encoded.length <= STANZAS_BYTES_MAX, `${stanzas.length} recipients are more than a payload has room for`);
    const count = chunkCountOf({ tensorBytes: tensorBytes.length, chunkBytes: target.chunkBytes });
    const stream = releaseStream(contentKey, target, crypto);
    const prelude = await sealChunk(stream, { index: 0, count }, encodeReleasePrelude(content.prelude), crypto);
    const head = concat(MAGIC, u32be(encoded.length), encoded, u32be(prelude.length), prelude);
    return new ReleaseSealer({ head, stream }, target, tensorBytes, crypto);
  }

  /**
   * The payload in order, first the head, then one sealed chunk at a time. It can be made again until `wipe`, the same
   * bytes each time. Asserts that the weights have not changed in between: two plaintexts under one nonce would give
   * away both.
   */
  async *pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    const hasher = this.#digest === undefined ? this.#crypto.hasher('sha256') : undefined;
    hasher?.update(this.#head);
    yield this.#head.slice();
    const shape = { tensorBytes: this.#tensorBytes.length, chunkBytes: this.#target.chunkBytes };
    const count = chunkCountOf(shape);
    for (let index = 1; index < count; index++) {
      const { start, end } = tensorRange(shape, index);
      const sealed = await this.#seal({ index, count }, this.#tensorBytes.subarray(start, end));
      hasher?.update(sealed);
      yield sealed;
    }
    if (hasher !== undefined) this.#digest = hasher.digest();
  }

  async #seal(place: ChunkPlace, plaintext: Uint8Array): Promise<Uint8Array> {
    // Asked for every chunk: a wiped key is all zeros, and what is sealed under it is open to anybody.
    assert(!this.#wiped, 'a wiped release makes no pieces');
    const sealed = await sealChunk(this.#stream, place, plaintext, this.#crypto);
    const tag = sealed.slice(sealed.length - TAG_BYTES);
    const before = this.#tags.get(place.index);
    assert(before === undefined || equalBytes(before, tag), 'the weights changed while the release was being sealed');
    this.#tags.set(place.index, tag);
    return sealed;
  }

  /** SHA-256 of the payload, for the statement. Asserts that all pieces were made at least once. */
  payloadDigest(): Uint8Array {
    assert(this.#digest !== undefined, 'the digest of a payload is known when all its pieces are made');
    return this.#digest;
  }

  /** Overwrites the content key: the release is out, nobody needs its pieces again. */
  wipe(): void {
    this.#stream.key.fill(0);
    this.#wiped = true;
  }
}

/** A signed statement. */
export interface SignedRelease {
  /** The envelope file. */
  readonly envelope: Uint8Array;
  /** The release digest: SHA-256 of the statement as signed. */
  readonly release: Uint8Array;
}

/** Signs a statement with the attested key; its evidence must be for that key. */
export function signRelease(
  statement: ReleaseStatement,
  signingSecretKey: Uint8Array,
  crypto: CryptoPort,
): SignedRelease {
  const payload = encodeStatement(statement);
  assert(payload.length <= STATEMENT_BYTES_MAX, `a statement has at most ${STATEMENT_BYTES_MAX} bytes`);
  const signed = signPayload(PAYLOAD_TYPES.inToto, payload, signingSecretKey, crypto);
  const keyId = keyIdOf(statement.evidence.signingKey, crypto);
  return {
    envelope: encodeEnvelope(PAYLOAD_TYPES.inToto, signed, keyId),
    release: crypto.digest('sha256', payload),
  };
}
