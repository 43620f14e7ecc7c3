import { concat } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { assert } from '#shared/fault/fault.ts';
import { type Frame, sealedHeader } from './frames.ts';
import type { TrafficKeys } from './handshake.ts';
import { LIMITS } from './limits.ts';

/** Which end of a session this is: it decides the direction of each key. */
export type End = 'participant' | 'enclave';

/** What opening a sealed frame gives: the plaintext, or how the path tampered with it. */
export type Opened =
  | { readonly kind: 'opened'; readonly plaintext: Uint8Array }
  | { readonly kind: 'tampered'; readonly code: RefusalCode };

/**
 * The sealed channel of one session (docs/protocol.md section 3): AES-256-GCM with an explicit sequence number
 * that both ends count, and a fresh key each 2^16 frames. Frames must be sealed and opened one after the other:
 * the caller keeps them in order.
 */
export class SealedChannel {
  readonly #keys: TrafficKeys;
  readonly #crypto: CryptoPort;
  readonly #outward: 'to-enclave' | 'to-participant';
  readonly #inward: 'to-enclave' | 'to-participant';
  #sent = 0;
  #wiped = false;
  #taken = 0;
  #outKey: { epoch: number; key: Uint8Array };
  #inKey: { epoch: number; key: Uint8Array };

  constructor(keys: TrafficKeys, end: End, crypto: CryptoPort) {
    this.#keys = keys;
    this.#crypto = crypto;
    this.#outward = end === 'participant' ? 'to-enclave' : 'to-participant';
    this.#inward = end === 'participant' ? 'to-participant' : 'to-enclave';
    this.#outKey = { epoch: 0, key: keys.keyFor(this.#outward, 0) };
    this.#inKey = { epoch: 0, key: keys.keyFor(this.#inward, 0) };
  }

  /** A whole sealed frame for `plaintext`. */
  async seal(plaintext: Uint8Array): Promise<Uint8Array> {
    assert(!this.#wiped, 'a wiped channel seals nothing');
    const sequence = this.#sent++;
    const epoch = Math.floor(sequence / 2 ** LIMITS.epochShift);
    if (epoch !== this.#outKey.epoch) {
      this.#outKey.key.fill(0);
      this.#outKey = { epoch, key: this.#keys.keyFor(this.#outward, epoch) };
    }
    const header = sealedHeader(sequence);
    const sealed = await this.#crypto.aesGcmSeal(this.#outKey.key, nonceOf(header), header, plaintext);
    return concat(header, sealed);
  }

  /** Opens the next frame; anything but exactly the next one tells what the path did to it. */
  async open(frame: Extract<Frame, { kind: 'sealed' }>): Promise<Opened> {
    if (frame.sequence < this.#taken) return { kind: 'tampered', code: 'FRAME_REPLAYED' };
    if (frame.sequence > this.#taken) return { kind: 'tampered', code: 'FRAME_LOST' };
    const epoch = Math.floor(frame.sequence / 2 ** LIMITS.epochShift);
    if (epoch !== this.#inKey.epoch) {
      this.#inKey.key.fill(0);
      this.#inKey = { epoch, key: this.#keys.keyFor(this.#inward, epoch) };
    }
    const plaintext = await this.#crypto.aesGcmOpen(this.#inKey.key, nonceOf(frame.header), frame.header, frame.sealed);
    if (plaintext === undefined) return { kind: 'tampered', code: 'FRAME_FORGED' };
    this.#taken += 1;
    return { kind: 'opened', plaintext };
  }

  /** Overwrites the keys; nothing can be sealed afterwards. */
  wipe(): void {
    this.#wiped = true;
    this.#keys.wipe();
    this.#outKey.key.fill(0);
    this.#inKey.key.fill(0);
  }
}

function nonceOf(header: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(header.subarray(1), 4);
  return nonce;
}
