import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault, InvariantFault, unreachable } from '#shared/fault/fault.ts';
import type { MessageBody, Phase, ToParticipant } from '#shared/protocol/messages.ts';
import type { Study } from '#shared/study/study.ts';
import { isAbout, verifyReceipt, verifyRefusal } from './answers.ts';
import type { Clock } from './clock.ts';
import { type Envelope, sealUpdate } from './envelope.ts';
import type { EventSink } from './events.ts';
import type { Membership } from './join.ts';
import { verifyOpening } from './opening.ts';
import type { ReleaseFollower } from './receive.ts';
import { ENVELOPES_PER_OPENING_MAX, reactionTo, type UpdateReaction } from './refusal-policy.ts';
import type { RoundWork } from './round-work.ts';
import type { Session } from './session.ts';
import { Upload } from './upload.ts';

/** What attending a session needs; all of it outlives the session. */
export interface AttendContext {
  readonly study: Study;
  readonly membership: Membership;
  readonly work: RoundWork;
  readonly releases: ReleaseFollower;
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly onEvent: EventSink;
  readonly signal: AbortSignal;
}

/** How a session ended, when not by a fault. */
export type AttendanceEnd =
  | { readonly kind: 'left' }
  | { readonly kind: 'ended'; readonly phase: 'finished' | 'stopped' }
  | { readonly kind: 'closed'; readonly code: string; readonly retryAfterMs: number };

/**
 * Attends one session until it ends. Takes whatever the enclave has said first, then does one piece of its own work
 * (follow a release, train, seal, send one chunk), and waits when there is neither: never two things at once.
 */
export class Attendance {
  readonly #session: Session;
  readonly #context: AttendContext;
  readonly #aborted: Promise<void>;
  #phase: Phase;
  #release: Uint8Array | undefined;
  #upload: Upload | undefined;
  #progressed = false;
  #awaitsTraining = false;

  constructor(session: Session, context: AttendContext) {
    this.#session = session;
    this.#context = context;
    this.#phase = session.welcome.phase;
    const { signal } = context;
    this.#aborted = new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Whether anything came of this session: what tells a working connection from one that only ever breaks. */
  get progressed(): boolean {
    return this.#progressed;
  }

  /** @throws Fault - whatever ended the session; `CONNECTION_LOST` and `SESSION_TAMPERED` are worth another one */
  async run(): Promise<AttendanceEnd> {
    try {
      return await this.#attend();
    } catch (cause) {
      // The signal interrupts downloads: their failure is then ours.
      if (this.#context.signal.aborted && !(cause instanceof InvariantFault)) return this.#leave();
      throw cause;
    }
  }

  async #attend(): Promise<AttendanceEnd> {
    for (;;) {
      if (this.#context.signal.aborted) return this.#leave();
      const message = await this.#session.poll();
      if (message !== undefined) {
        if (message.name === 'close') return { kind: 'closed', ...message.body };
        await this.#take(message);
        this.#progressed = true;
        continue;
      }
      const step = await this.#work();
      if (step === 'over') return this.#end();
      if (step === 'waiting') await this.#pause();
    }
  }

  #pause(): Promise<void> {
    const { work } = this.#context;
    // Asked of what the last piece of work saw: a training that has ended since then must wake us at once.
    const training = this.#awaitsTraining ? [work.trainingSettled()] : [];
    return Promise.race([this.#session.readable(), this.#aborted, ...training]);
  }

  async #leave(): Promise<AttendanceEnd> {
    await this.#session.send({ name: 'leave', body: {} });
    return { kind: 'left' };
  }

  async #end(): Promise<AttendanceEnd> {
    await this.#session.send({ name: 'leave', body: {} });
    return { kind: 'ended', phase: this.#phase === 'stopped' ? 'stopped' : 'finished' };
  }

  async #take(message: Exclude<ToParticipant, { name: 'close' }>): Promise<void> {
    const { work, study, crypto, onEvent } = this.#context;
    switch (message.name) {
      case 'welcome':
        throw new Fault('ENCLAVE_STATEMENT_WRONG', 'a second welcome in one session');
      case 'round':
        return work.open(verifyOpening(message.body.opening, study, this.#session.attested, crypto));
      case 'grant':
        return this.#upload?.grant(message.body);
      case 'received':
        return this.#upload?.received(message.body);
      case 'receipt':
        return this.#takeReceipt(message.body.receipt);
      case 'refusal':
        return this.#takeRefusal(message.body.refusal);
      case 'released':
        onEvent({ kind: 'released', round: message.body.round, release: toHex(message.body.release) });
        // A copy: what is held back must not be a view of the frame.
        this.#release = message.body.release.slice();
        return undefined;
      case 'phase':
        this.#phase = message.body.phase;
        onEvent({ kind: 'phase', ...message.body });
        return undefined;
      default:
        return unreachable(message);
    }
  }

  #takeReceipt(signed: MessageBody<'receipt'>['receipt']): void {
    const { work, crypto, onEvent } = this.#context;
    const { envelope } = work;
    if (envelope === undefined || envelope.sentCount < envelope.chunkCount) {
      throw new Fault('ENCLAVE_STATEMENT_WRONG', 'a receipt for an update that was not sent whole');
    }
    const { subject } = envelope;
    const receipt = verifyReceipt(signed, subject, envelope.digest(), { attested: this.#session.attested, crypto });
    const { round, attempt, updateId, updateDigest } = receipt;
    onEvent({ kind: 'receipt', round, attempt, updateId, updateDigest });
    this.#upload = undefined;
    work.settle();
  }

  async #takeRefusal(signed: MessageBody<'refusal'>['refusal']): Promise<void> {
    const { work, study, membership, crypto, onEvent } = this.#context;
    const { attested } = this.#session;
    const { refusal, code } = verifyRefusal(signed, membership.participant, study.digest, { attested, crypto });
    const { round, attempt } = refusal;
    onEvent({ kind: 'refused', round, attempt, code });
    const { envelope } = work;
    // One about an envelope that was given up already changes nothing.
    if (envelope === undefined || !isAbout(refusal, envelope.subject)) return;
    this.#upload = undefined;
    await this.#react(reactionTo(code), code);
  }

  async #react(reaction: UpdateReaction, code: string): Promise<void> {
    const { work } = this.#context;
    switch (reaction) {
      case 'begin-again':
        return;
      case 'seal-anew':
        work.discardEnvelope();
        if (work.envelopes >= ENVELOPES_PER_OPENING_MAX) await this.#decline(code);
        return;
      case 'wait':
      case 'settled':
        work.settle();
        return;
      case 'decline':
        await this.#decline(code);
        return;
      case 'stop':
        throw new Fault('PEER_REFUSED', `the enclave refused the update with ${code}; look before trying again`);
      default:
        unreachable(reaction);
    }
  }

  async #decline(
    reason: string,
    because = 'the enclave refused the update; it cannot be sent again as it is',
  ): Promise<void> {
    const { work, onEvent } = this.#context;
    const { opening } = work;
    if (opening === undefined) return;
    const { round, attempt } = opening;
    await this.#session.send({ name: 'decline', body: { round, attempt, reason: reason.slice(0, 64) } });
    onEvent({ kind: 'declined', round, attempt, reason, because });
    work.settle();
  }

  /** One piece of work. */
  async #work(): Promise<'worked' | 'waiting' | 'over'> {
    this.#awaitsTraining = false;
    const over = this.#phase === 'finished' || this.#phase === 'stopped';
    if (this.#release !== undefined) {
      await this.#follow(this.#release);
      this.#release = undefined;
      return 'worked';
    }
    if (over) {
      await this.#followLast();
      return 'over';
    }
    return (await this.#workOnRound()) ? 'worked' : 'waiting';
  }

  async #follow(release: Uint8Array): Promise<void> {
    await this.#context.releases.follow(release, this.#context.signal);
    await this.#session.send({ name: 'held', body: { release } });
  }

  /** A study that has ended says so to whoever joins later; the host then knows which release is its last. */
  async #followLast(): Promise<void> {
    const { releases, signal } = this.#context;
    const last = await releases.newestAtHost(signal);
    if (last !== undefined && !(await releases.holds(last))) await this.#follow(last);
  }

  async #workOnRound(): Promise<boolean> {
    const { work, releases } = this.#context;
    const { opening } = work;
    if (opening === undefined) return false;
    const newest = await releases.newest();
    if (newest === undefined || !equalBytes(newest.digest, opening.baseRelease)) {
      await this.#follow(opening.baseRelease);
      return true;
    }
    if (work.envelope !== undefined) return this.#uploadStep(work.envelope);
    const training = work.train(newest);
    switch (training.kind) {
      case 'running':
        this.#awaitsTraining = true;
        return false;
      case 'failed':
        await this.#decline(training.fault.code, training.fault.message);
        return true;
      case 'trained':
        work.keepEnvelope(sealUpdate(opening, training.result, this.#context.membership, this.#context));
        return true;
      default:
        return unreachable(training);
    }
  }

  async #uploadStep(envelope: Envelope): Promise<boolean> {
    if (this.#upload?.envelope !== envelope) {
      this.#upload = new Upload(envelope, this.#session, this.#context);
      await this.#upload.begin();
      return true;
    }
    return (await this.#upload.sendNext()) || envelope.sealAhead();
  }
}
