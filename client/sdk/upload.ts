import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { MessageBody } from '#shared/protocol/messages.ts';
import type { Clock } from './clock.ts';
import type { Envelope } from './envelope.ts';
import type { EventSink } from './events.ts';
import type { Session } from './session.ts';

/** What an upload reports to. */
export interface UploadContext {
  readonly clock: Clock;
  readonly onEvent: EventSink;
}

/** One envelope on its way through one session: `begin`, the enclave's grant, then its chunks in order. */
export class Upload {
  readonly envelope: Envelope;
  readonly #session: Pick<Session, 'send' | 'sendChunk'>;
  readonly #context: UploadContext;
  #next: number | undefined;
  #from = 0;
  #bytes = 0;
  #startedMs = 0;

  constructor(envelope: Envelope, session: Pick<Session, 'send' | 'sendChunk'>, context: UploadContext) {
    this.envelope = envelope;
    this.#session = session;
    this.#context = context;
  }

  async begin(): Promise<void> {
    await this.#session.send({ name: 'begin', body: { header: this.envelope.header } });
  }

  /**
   * The enclave is ready for the chunks from `next` on. It may say so again, to have some of them once more.
   * @throws Fault - ENCLAVE_STATEMENT_WRONG when it claims chunks that were never sent
   */
  grant({ updateId, next }: MessageBody<'grant'>): void {
    if (!this.#isOurs(updateId, next)) return;
    this.#next = next;
    this.#from = next;
    this.#bytes = 0;
    this.#startedMs = this.#context.clock.monotonicMs();
  }

  /** Progress as the enclave sees it; sending does not wait for it. Same fault as `grant`. */
  received({ updateId, next }: MessageBody<'received'>): void {
    this.#isOurs(updateId, next);
  }

  #isOurs(updateId: Uint8Array, next: number): boolean {
    if (!equalBytes(updateId, this.envelope.updateId)) return false;
    if (next > this.envelope.sentCount) {
      const message = `the enclave claims ${next} chunks of an update of which ${this.envelope.sentCount} were sent`;
      throw new Fault('ENCLAVE_STATEMENT_WRONG', message);
    }
    return true;
  }

  /** Seals and sends the next chunk; `false` when there is nothing to send now. Waits while the connection is full. */
  async sendNext(): Promise<boolean> {
    const { envelope } = this;
    const index = this.#next;
    if (index === undefined || index >= envelope.chunkCount) return false;
    const sealed = await envelope.chunk(index);
    // Asked for now: the session consumes the chunk, and what is left of it has no length.
    this.#bytes += sealed.length;
    await this.#session.sendChunk(envelope.updateId, index, sealed);
    this.#next = index + 1;
    if (this.#next === envelope.chunkCount) this.#tellUploaded();
    return true;
  }

  #tellUploaded(): void {
    const { clock, onEvent } = this.#context;
    const { round, attempt } = this.envelope.opening;
    const updateId = toHex(this.envelope.updateId);
    const cost = this.envelope.takeCost();
    if (cost !== undefined) onEvent({ kind: 'sealed', round, attempt, updateId, ...cost });
    onEvent({
      kind: 'uploaded',
      updateId,
      ms: clock.monotonicMs() - this.#startedMs,
      bytes: this.#bytes,
      from: this.#from,
    });
  }
}
