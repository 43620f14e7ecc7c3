import type { CryptoPort } from '../crypto/port.ts';
import { assert } from '../fault/fault.ts';
import { setupReceiver } from '../hpke/open.ts';
import {
  chunkCountOf,
  openChunk,
  type SizeRange,
  type StreamKey,
  sealedSize,
  TAG_BYTES,
} from '../stream/chunk-stream.ts';
import type { VerifiedUpdateHeader } from './header.ts';
import { updateDigest, updateInfo, updateStream } from './stream.ts';

/** Opens the chunks of one update. The caller keeps their order; an index that has opened is not opened again. */
export class UpdateOpener {
  readonly header: VerifiedUpdateHeader;
  readonly chunkCount: number;
  readonly #stream: StreamKey;
  readonly #tags: (Uint8Array | undefined)[] = [];
  readonly #crypto: CryptoPort;
  #wiped = false;

  private constructor(header: VerifiedUpdateHeader, stream: StreamKey, crypto: CryptoPort) {
    this.header = header;
    this.chunkCount = chunkCountOf(header);
    this.#stream = stream;
    this.#crypto = crypto;
  }

  /**
   * Decapsulates the stream key of `header` with the X-Wing secret key of the round, which is not kept;
   * `undefined` when the encapsulated key is malformed.
   */
  static create(
    header: VerifiedUpdateHeader,
    roundSecretKey: Uint8Array,
    crypto: CryptoPort,
  ): UpdateOpener | undefined {
    const receiver = { secretKey: roundSecretKey, info: updateInfo(header.manifestDigest) };
    const context = setupReceiver(crypto.xWing, header.encapsulated, receiver, crypto);
    if (context === undefined) return undefined;
    return new UpdateOpener(header, updateStream(context, header.payload, crypto), crypto);
  }

  /** How long sealed chunk `index` must be: exact for tensor chunks, a range for the prelude. */
  sealedBytes(index: number): SizeRange {
    return sealedSize(this.header, index);
  }

  /** Plaintext of chunk `index`, or `undefined` when it does not open or has a wrong size. */
  async open(index: number, sealed: Uint8Array): Promise<Uint8Array | undefined> {
    assert(!this.#wiped, 'the key of this update was wiped');
    assert(this.#tags[index] === undefined, `chunk ${index} has been opened before`);
    const { min, max } = this.sealedBytes(index);
    if (sealed.length < min || sealed.length > max) return undefined;
    const tag = sealed.slice(sealed.length - TAG_BYTES);
    const plaintext = await openChunk(this.#stream, { index, count: this.chunkCount }, sealed, this.#crypto);
    if (plaintext !== undefined) this.#tags[index] = tag;
    return plaintext;
  }

  /** The update digest for the receipt. Asserts that every chunk has opened. */
  digest(): Uint8Array {
    const tags = Array.from({ length: this.chunkCount }, (_, index) => {
      const tag = this.#tags[index];
      assert(tag !== undefined, `chunk ${index} has not been opened yet`);
      return tag;
    });
    return updateDigest(this.header.payload, tags, this.#crypto);
  }

  /** Overwrites the stream key; nothing can be opened afterwards. */
  wipe(): void {
    this.#stream.key.fill(0);
    this.#wiped = true;
  }
}
