import type { TrainingResult } from '#client/trainer/trainer.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import type { Signed } from '#shared/dsse/dsse.ts';
import { Fault } from '#shared/fault/fault.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import type { AnswerSubject } from '#shared/protocol/answers.ts';
import { UpdateSealer } from '#shared/update/seal-update.ts';
import type { Clock } from './clock.ts';
import type { Membership } from './join.ts';
import type { VerifiedOpening } from './opening.ts';

/** What sealing needs of the world. */
export interface SealContext {
  readonly crypto: CryptoPort;
  readonly clock: Clock;
}

/** How much may be sealed before the enclave asks for it: time that would be spent waiting in line. */
const AHEAD_BYTES_MAX = 4 * 1024 * 1024;

/**
 * One update sealed under one opening. While it waits for its turn, chunks are sealed ahead, up to a bound; the others
 * as they are sent. Sealed again, a chunk has the same bytes.
 */
export class Envelope {
  readonly opening: VerifiedOpening;
  readonly subject: AnswerSubject;
  readonly #sealer: UpdateSealer;
  readonly #clock: Clock;
  readonly #ahead = new Map<number, Uint8Array>();
  #aheadBytes = 0;
  #sealed = 0;
  #sent = 0;
  #sealMs = 0;
  #bytes = 0;
  #isCostTold = false;

  /** Takes over `result.delta`: it must not change until the envelope is wiped. */
  constructor(opening: VerifiedOpening, result: TrainingResult, membership: Membership, context: SealContext) {
    const { crypto, clock } = context;
    const startedMs = clock.monotonicMs();
    const { participant, identity, manifestDigest } = membership;
    const updateId = crypto.randomBytes(16);
    this.#sealer = new UpdateSealer(
      opening,
      { participant, identitySecretKey: identity.secretKey, updateId },
      {
        prelude: { examples: result.examples, metrics: { ...result.metrics } },
        tensorBytes: littleEndian(result.delta),
      },
      crypto,
    );
    this.opening = opening;
    this.subject = { manifestDigest, round: opening.round, attempt: opening.attempt, participant, updateId };
    this.#clock = clock;
    this.#sealMs = clock.monotonicMs() - startedMs;
  }

  /** The signed header: the same in every `begin` of this envelope. */
  get header(): Signed {
    return this.#sealer.header;
  }

  get updateId(): Uint8Array {
    return this.#sealer.updateId;
  }

  get chunkCount(): number {
    return this.#sealer.chunkCount;
  }

  /** Chunks handed out to be sent so far; none was skipped, so these are the chunks below this index. */
  get sentCount(): number {
    return this.#sent;
  }

  /** Time spent sealing and bytes sealed, each chunk counted once; told once, when every chunk has been sealed. */
  takeCost(): { readonly ms: number; readonly bytes: number } | undefined {
    if (this.#isCostTold || this.#sealed < this.chunkCount) return undefined;
    this.#isCostTold = true;
    return { ms: this.#sealMs, bytes: this.#bytes };
  }

  /** Seals the next chunk to have it ready; false when all are sealed or enough are ready. */
  async sealAhead(): Promise<boolean> {
    if (this.#sealed >= this.chunkCount || this.#aheadBytes >= AHEAD_BYTES_MAX) return false;
    const index = this.#sealed;
    const sealed = await this.#seal(index);
    this.#ahead.set(index, sealed);
    this.#aheadBytes += sealed.length;
    return true;
  }

  /** Sealed chunk `index`, at most `sentCount`; it belongs to the caller. */
  async chunk(index: number): Promise<Uint8Array> {
    this.#sent = Math.max(this.#sent, index + 1);
    const ready = this.#ahead.get(index);
    if (ready === undefined) return this.#seal(index);
    this.#ahead.delete(index);
    this.#aheadBytes -= ready.length;
    return ready;
  }

  async #seal(index: number): Promise<Uint8Array> {
    const startedMs = this.#clock.monotonicMs();
    const sealed = await this.#sealer.chunk(index);
    if (index === this.#sealed) {
      this.#sealed += 1;
      this.#sealMs += this.#clock.monotonicMs() - startedMs;
      this.#bytes += sealed.length;
    }
    return sealed;
  }

  /** The digest that a receipt must name; asks for every chunk to have been sealed. */
  digest(): Uint8Array {
    return this.#sealer.digest();
  }

  wipe(): void {
    this.#sealer.wipe();
  }
}

/**
 * Seals a trained update under an opening.
 * @throws Fault - ENCLAVE_STATEMENT_WRONG when the round key of the opening is malformed
 */
export function sealUpdate(
  opening: VerifiedOpening,
  result: TrainingResult,
  membership: Membership,
  context: SealContext,
): Envelope {
  try {
    return new Envelope(opening, result, membership, context);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Fault('ENCLAVE_STATEMENT_WRONG', 'a round opening names a malformed round key', { cause });
  }
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The bytes that travel: a view where the platform stores floats as the protocol does, else a copy. */
function littleEndian(values: Float32Array): Uint8Array {
  return IS_LITTLE_ENDIAN ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength) : floatBytes(values);
}
