import type { Trainer, TrainingResult } from '#client/trainer/trainer.ts';
import { equalBytes } from '#shared/bytes/bytes.ts';
import { assert, Fault, InvariantFault } from '#shared/fault/fault.ts';
import { allFinite } from '#shared/model/parameters.ts';
import { LIMITS } from '#shared/protocol/limits.ts';
import type { Clock } from './clock.ts';
import type { Envelope } from './envelope.ts';
import type { EventSink } from './events.ts';
import type { VerifiedOpening } from './opening.ts';
import type { HeldRelease } from './release-store.ts';

/** Local work of one round on one base release. It serves every attempt of that round. */
type Training =
  | { readonly kind: 'running' }
  | { readonly kind: 'trained'; readonly result: TrainingResult }
  | { readonly kind: 'failed'; readonly fault: Fault };

interface TrainingRun {
  readonly round: number;
  readonly base: Uint8Array;
  readonly abort: AbortController;
  readonly settled: Promise<void>;
  state: Training;
}

/**
 * What this participant owes to the round that is open. It belongs to no session: a lost connection costs neither the
 * training nor the envelope.
 */
export class RoundWork {
  readonly #trainer: Trainer;
  readonly #clock: Clock;
  readonly #onEvent: EventSink;
  #opening: VerifiedOpening | undefined;
  #envelope: Envelope | undefined;
  #envelopes = 0;
  #settled = true;
  #training: TrainingRun | undefined;

  constructor(trainer: Trainer, clock: Clock, onEvent: EventSink) {
    this.#trainer = trainer;
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /** The opening that still wants an update of ours. */
  get opening(): VerifiedOpening | undefined {
    return this.#settled ? undefined : this.#opening;
  }

  /** The envelope for the current opening, once sealed. */
  get envelope(): Envelope | undefined {
    return this.#envelope;
  }

  /** How many envelopes were made for the current opening. */
  get envelopes(): number {
    return this.#envelopes;
  }

  /** Takes a verified opening. The same one again (after a lost connection) changes nothing; a new one replaces all. */
  open(opening: VerifiedOpening): void {
    if (this.#opening !== undefined && equalBytes(this.#opening.roundKey, opening.roundKey)) return;
    this.#opening = opening;
    this.#settled = false;
    this.discardEnvelope();
    this.#envelopes = 0;
    if (this.#training !== undefined && !isFor(this.#training, opening)) this.#training.abort.abort(outdated());
    const { round, attempt, remainingMs } = opening;
    this.#onEvent({ kind: 'roundOpened', round, attempt, remainingMs });
  }

  /** Nothing more is owed to the current opening. The training result stays: another attempt may want it. */
  settle(): void {
    this.#settled = true;
    this.discardEnvelope();
  }

  keepEnvelope(envelope: Envelope): void {
    this.#envelope = envelope;
    this.#envelopes += 1;
  }

  /** Forgets the envelope and wipes its keys. */
  discardEnvelope(): void {
    this.#envelope?.wipe();
    this.#envelope = undefined;
  }

  /** The training for the current opening from `base`, started when it was not; one runs at a time. */
  train(base: HeldRelease): Training {
    const opening = this.#opening;
    assert(
      opening !== undefined && equalBytes(opening.baseRelease, base.digest),
      'training starts from the base release',
    );
    const current = this.#training;
    if (current !== undefined && isFor(current, opening)) return current.state;
    if (current?.state.kind === 'running') return current.state;
    const abort = new AbortController();
    const startedMs = this.#clock.monotonicMs();
    const input = { global: base.weights, round: opening.round, signal: abort.signal };
    const run: TrainingRun = {
      round: opening.round,
      base: base.digest,
      abort,
      state: { kind: 'running' },
      settled: this.#trainer.train(input).then(
        (result) => {
          run.state = judged(result, base.weights.length);
          if (run.state.kind !== 'trained') return;
          this.#onEvent({ kind: 'trained', round: run.round, ms: this.#clock.monotonicMs() - startedMs });
        },
        (cause: unknown) => {
          if (cause instanceof InvariantFault) throw cause;
          run.state = { kind: 'failed', fault: failure(cause) };
        },
      ),
    };
    // Whoever waits sees a rejection too; this keeps one that comes while nobody waits from ending the process.
    run.settled.catch(() => undefined);
    this.#training = run;
    return run.state;
  }

  /** Resolves when the running training, if any, has ended. Rejects for a bug of the trainer only. */
  async trainingSettled(): Promise<void> {
    if (this.#training === undefined) return;
    await this.#training.settled;
  }

  /** Asks the training to stop and forgets the envelope. */
  abandon(): void {
    this.#training?.abort.abort(outdated());
    this.settle();
  }
}

function isFor(run: TrainingRun, opening: VerifiedOpening): boolean {
  return run.round === opening.round && equalBytes(run.base, opening.baseRelease) && !run.abort.signal.aborted;
}

function outdated(): Fault {
  return new Fault('TRAINER_FAILED', 'the round no longer needs this update');
}

/** The delta is ours from here on and goes to the enclave as it is, so what could only be refused is refused here. */
function judged(result: TrainingResult, parameterCount: number): Training {
  if (result.delta.length !== parameterCount) {
    const found = `found ${result.delta.length} values, expected ${parameterCount}`;
    return { kind: 'failed', fault: new Fault('TRAINER_FAILED', `the trainer's delta has the wrong length: ${found}`) };
  }
  const metrics = Object.keys(result.metrics).length;
  if (metrics > LIMITS.metricsMax) {
    const message = `the trainer gave ${metrics} metrics; an update carries at most ${LIMITS.metricsMax}`;
    return { kind: 'failed', fault: new Fault('TRAINER_FAILED', message) };
  }
  if (!allFinite(result.delta)) {
    const message = 'the trainer gave NaN or an infinity; try a lower learning rate, and look at the data';
    return { kind: 'failed', fault: new Fault('TRAINER_FAILED', message) };
  }
  return { kind: 'trained', result };
}

function failure(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  return new Fault('TRAINER_FAILED', 'the trainer stopped without an update', { cause });
}
