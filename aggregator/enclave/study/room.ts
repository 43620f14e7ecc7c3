import { equalBytes } from '#shared/bytes/bytes.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { assert, unreachable } from '#shared/fault/fault.ts';
import type { AnswerSubject } from '#shared/protocol/answers.ts';
import type { Frame } from '#shared/protocol/frames.ts';
import type { MessageBody, ToEnclave } from '#shared/protocol/messages.ts';
import type { RoundOpening } from '#shared/protocol/opening.ts';
import type { Study, StudyParticipant } from '#shared/study/study.ts';
import { decodeUpdateHeader } from '#shared/update/header.ts';
import { AttemptIntake, type ChunkOutcome, type EndedUploads } from '../intake/attempt.ts';
import { StagingSlots } from '../intake/slots.ts';
import { drawCohort } from '../round/cohort.ts';
import {
  advance,
  commandApplies,
  phaseOf,
  type RoundRules,
  type RunEffect,
  type RunEvent,
  type RunState,
  roundOf,
} from '../round/run.ts';
import type { EvidenceBatch } from '../session/evidence-batch.ts';
import type { Room, Session } from '../session/session.ts';
import type { LogLevel, RoomContext } from './context.ts';
import { StudyMessages, type StudyStatus } from './messages.ts';
import { ReleaseChain } from './release-chain.ts';
import { Roster } from './roster.ts';

/** An attempt that is open: its intake and what opened it, for members that come back. */
interface OpenAttempt {
  readonly intake: AttemptIntake;
  readonly opening: RoundOpening;
  readonly round: number;
  readonly attempt: number;
  readonly cohort: number;
}

const STALL_MS = 10_000;
const ACKNOWLEDGE_CHUNKS = 16;
const NO_ROUND: RoundRef = { round: 0, attempt: 0 };

interface RoundRef {
  readonly round: number;
  readonly attempt: number;
}

/** One study inside the enclave: its participants, its rounds, its model. Wires the parts; decides nothing itself. */
export class StudyRoom implements Room {
  readonly study: Study;
  readonly evidence: EvidenceBatch;
  readonly #context: RoomContext;
  readonly #rules: RoundRules;
  readonly #messages: StudyMessages;
  readonly #roster = new Roster();
  readonly #releases: ReleaseChain;
  readonly #refusals = new Map<RefusalCode, number>();
  #run: RunState = { kind: 'idle' };
  #attempt: OpenAttempt | undefined;
  #last: RoundRef = NO_ROUND;
  #stallCheck: (() => void) | undefined;
  /** One look ahead is enough: a state has one instant that matters. */
  #cancelLook: (() => void) | undefined;
  #ended: EndedUploads = new Map();

  constructor(study: Study, evidence: EvidenceBatch, releases: ReleaseChain, context: RoomContext) {
    this.study = study;
    this.evidence = evidence;
    this.#releases = releases;
    this.#context = context;
    this.#rules = rulesOf(study);
    this.#messages = new StudyMessages(context.keys, context.crypto);
  }

  course(): Pick<MessageBody<'welcome'>, 'round' | 'phase'> {
    return { round: roundOf(this.#run), phase: phaseOf(this.#run) };
  }

  entered(session: Session, participant: StudyParticipant, holds: Uint8Array | undefined): void {
    this.#roster.enter(participant, session);
    const newest = this.#releases.newest;
    if (newest !== undefined && (holds === undefined || !equalBytes(holds, newest.release))) {
      session.send({ name: 'released', body: { round: newest.round, release: newest.release } });
    }
    if (this.#run.kind === 'collecting' && this.#run.cohort.has(participant.id) && this.#attempt !== undefined) {
      const remainingMs = Math.max(0, Math.floor(this.#run.deadlineAt - this.#context.clock.monotonicMs()));
      session.send(this.#messages.round({ ...this.#attempt.opening, remainingMs }));
    }
    this.#apply({ kind: 'look' });
    this.tellStatus();
  }

  left(session: Session, participant: StudyParticipant): void {
    this.#roster.leave(participant, session);
    this.tellStatus();
  }

  async message(participant: StudyParticipant, message: ToEnclave): Promise<RefusalCode | undefined> {
    switch (message.name) {
      case 'begin':
        return this.#begin(participant, message.body.header);
      case 'decline':
        this.#decline(participant, message.body);
        return undefined;
      case 'held':
      case 'leave':
        return undefined;
      default:
        return unreachable(message);
    }
  }

  #begin(participant: StudyParticipant, signed: MessageBody<'begin'>['header']): RefusalCode | undefined {
    const header = decodeUpdateHeader(signed.payload);
    if (header === undefined) return 'FRAME_MALFORMED';
    const { round, attempt, updateId } = header;
    const about = { manifestDigest: this.study.digest, round, attempt, participant: participant.id, updateId };
    const run = this.#run;
    if (run.kind !== 'collecting' || this.#attempt === undefined || round !== run.round || attempt !== run.attempt) {
      // Rounds that have been are closed; one that was never opened is wrong.
      const past = round < this.#last.round || (round === this.#last.round && attempt <= this.#last.attempt);
      this.#refuse(about, past ? 'ROUND_CLOSED' : 'ROUND_WRONG', 'this round is not open now');
      return undefined;
    }
    if (!run.cohort.has(participant.id)) {
      this.#refuse(about, 'COHORT_EXCLUDED', 'this participant was not drawn into the cohort');
      return undefined;
    }
    const verdict = this.#attempt.intake.begin(participant, signed, {
      granted: (id, next) => this.#roster.send(participant.id, { name: 'grant', body: { updateId: id, next } }),
      preempted: (id) =>
        this.#refuse({ ...about, updateId: id }, 'UPLOAD_PREEMPTED', 'the upload stood still; begin it again'),
    });
    if (verdict.kind === 'refused') this.#refuse(about, verdict.code, verdict.detail);
    else if (verdict.value.kind === 'counted-before') {
      this.#roster.send(participant.id, this.#messages.receipt(about, verdict.value.updateDigest));
    }
    this.#watchStalls();
    return undefined;
  }

  #decline(participant: StudyParticipant, body: MessageBody<'decline'>): void {
    const run = this.#run;
    const current = run.kind === 'collecting' && run.round === body.round && run.attempt === body.attempt;
    if (!current || !run.cohort.has(participant.id) || run.counted.has(participant.id)) return;
    this.#log('info', 'participant-declined', { round: body.round, participant: participant.id });
    this.#apply({ kind: 'declined', participant: participant.id });
  }

  async chunk(
    participant: StudyParticipant,
    frame: Extract<Frame, { kind: 'chunk' }>,
  ): Promise<RefusalCode | undefined> {
    const attempt = this.#attempt;
    // Between attempts chunks of the last one may still be on their way.
    if (attempt === undefined) return undefined;
    const { updateId, index, sealed } = frame;
    const outcome = await attempt.intake.chunk(participant.id, updateId, index, sealed);
    return this.#answerChunk(participant, attempt, updateId, outcome);
  }

  #answerChunk(
    participant: StudyParticipant,
    attempt: OpenAttempt,
    updateId: Uint8Array,
    outcome: ChunkOutcome,
  ): RefusalCode | undefined {
    const { round, attempt: number } = attempt;
    const about = { manifestDigest: this.study.digest, round, attempt: number, participant: participant.id, updateId };
    switch (outcome.kind) {
      case 'stale':
        return undefined;
      case 'tampered':
        return outcome.code;
      case 'taken':
        if (outcome.next % ACKNOWLEDGE_CHUNKS === 0) {
          this.#roster.send(participant.id, { name: 'received', body: { updateId, next: outcome.next } });
        }
        return undefined;
      case 'refused':
        this.#refuse(about, outcome.code, outcome.detail);
        return undefined;
      case 'counted':
        this.#roster.send(participant.id, this.#messages.receipt(about, outcome.updateDigest));
        this.#apply({ kind: 'counted', participant: participant.id });
        this.tellStatus();
        return undefined;
      default:
        return unreachable(outcome);
    }
  }

  #refuse(about: AnswerSubject, code: RefusalCode, detail: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
    this.#log('info', 'update-refused', { round: about.round, code });
    this.#roster.send(about.participant, this.#messages.refusal(about, code, detail));
  }

  /** Obeys a judged command; `false` when it does not apply in the present phase. */
  command(command: 'start' | 'pause' | 'resume' | 'stop'): boolean {
    if (!commandApplies(this.#run, command)) return false;
    this.#apply({ kind: command });
    return true;
  }

  get state(): RunState {
    return this.#run;
  }

  /** Ends every session, telling the participants to come back later. */
  shutDown(): void {
    this.#stallCheck?.();
    this.#cancelLook?.();
    this.#roster.closeAll('SERVER_STOPPING');
  }

  #log(level: LogLevel, event: string, fields: Readonly<Record<string, string | number>>): void {
    this.#context.log(level, event, { study: this.study.manifest.study, ...fields });
  }

  #apply(event: RunEvent): void {
    const { clock, crypto } = this.#context;
    const step = advance(this.#run, event, {
      rules: this.#rules,
      connected: this.#roster.connected(),
      nowMs: clock.monotonicMs(),
      draw: (candidates, size) => drawCohort(candidates, size, (count) => crypto.randomBytes(count)),
    });
    this.#run = step.state;
    for (const effect of step.effects) this.#perform(effect);
  }

  #perform(effect: RunEffect): void {
    const { clock } = this.#context;
    switch (effect.kind) {
      case 'phase-changed':
        this.#roster.broadcast({ name: 'phase', body: this.course() });
        this.#context.courseChanged(this);
        return this.tellStatus();
      case 'look-again':
        this.#cancelLook?.();
        this.#cancelLook = clock.after(Math.max(0, effect.atMs - clock.monotonicMs()), () =>
          this.#apply({ kind: 'look' }),
        );
        return;
      case 'open-round':
        return this.#openRound(effect.round, effect.attempt);
      case 'close-attempt':
        return this.#closeAttempt(effect.outcome);
      case 'publish':
        void this.#publish(effect.round);
        return;
      default:
        return unreachable(effect);
    }
  }

  #openRound(round: number, attempt: number): void {
    const { crypto, clock, chunkBytes } = this.#context;
    const base = this.#releases.newest;
    assert(base !== undefined && this.#run.kind === 'collecting', 'a round opens on a release');
    const roundKey = crypto.xWing.generate();
    const arena = this.#releases.arena;
    const slots = new StagingSlots(arena.slots, STALL_MS);
    const { study } = this;
    const intake = new AttemptIntake({
      study,
      round,
      attempt,
      baseRelease: base.release,
      chunkBytes,
      roundKey,
      arena,
      slots,
      crypto,
      clock,
      ended: this.#ended,
    });
    const opening: RoundOpening = {
      manifestDigest: study.digest,
      round,
      attempt,
      kem: crypto.xWing.id,
      roundKey: roundKey.publicKey,
      baseRelease: base.release,
      layoutDigest: study.layout.digest,
      chunkBytes,
      remainingMs: this.#rules.deadlineMs,
    };
    this.#attempt = { intake, opening, round, attempt, cohort: this.#run.cohort.size };
    this.#last = { round, attempt };
    const message = this.#messages.round(opening);
    for (const member of this.#run.cohort) this.#roster.send(member, message);
    this.#log('info', 'round-opened', { round, attempt, cohort: this.#run.cohort.size });
  }

  #closeAttempt(outcome: 'aggregate' | 'abandon'): void {
    const attempt = this.#attempt;
    assert(attempt !== undefined, 'an open attempt is closed');
    this.#attempt = undefined;
    const { round, attempt: number, intake } = attempt;
    const late = intake.inFlight();
    this.#ended = intake.close();
    for (const { participant, updateId } of late) {
      const subject = { manifestDigest: this.study.digest, round, attempt: number, participant, updateId };
      this.#refuse(subject, 'ROUND_CLOSED', 'the round ended before the update was whole');
    }
    const event = outcome === 'aggregate' ? 'round-closed' : 'round-abandoned';
    this.#log('info', event, { round, attempt: number, ...intake.effort() });
    if (outcome === 'aggregate') this.#releases.take(intake, attempt.cohort);
  }

  async #publish(round: number): Promise<void> {
    const { release, sealUs } = await this.#releases.publish(round);
    this.#roster.broadcast({ name: 'released', body: { round, release } });
    this.#log('info', 'release-published', { round, sealUs });
    this.#apply({ kind: 'published' });
  }

  /** Looks from time to time whether an upload that stands still keeps others waiting. */
  #watchStalls(): void {
    if (this.#stallCheck !== undefined) return;
    this.#stallCheck = this.#context.clock.after(STALL_MS, () => {
      this.#stallCheck = undefined;
      if (this.#attempt === undefined) return;
      this.#attempt.intake.serveSlots();
      this.#watchStalls();
    });
  }

  /** The host is back: it hears where the study stands, and gets again what it has not stored. */
  hostReturned(): void {
    this.tellStatus();
    void this.#releases.hostReturned();
  }

  /** The host has stored a release, perhaps of this study. */
  stored(release: Uint8Array): void {
    this.#releases.stored(release);
  }

  /** Gives the host the newest signed status. */
  tellStatus(): void {
    const { manifestDigest, ...rest } = this.status();
    const envelope = this.#messages.status({ manifestDigest, ...rest });
    void this.#context.host.send({ name: 'status', body: { manifestDigest, envelope } });
  }

  status(): StudyStatus {
    const run = this.#run;
    const collecting = run.kind === 'collecting' ? run : undefined;
    return {
      manifestDigest: this.study.digest,
      name: this.study.manifest.study,
      phase: phaseOf(run),
      round: roundOf(run),
      rounds: this.#rules.count,
      attempt: collecting?.attempt ?? 0,
      connected: this.#roster.size,
      cohort: collecting?.cohort.size ?? 0,
      received: collecting?.counted.size ?? 0,
      refusals: this.#refusals,
      release: this.#releases.newest?.release,
    };
  }
}

function rulesOf(study: Study): RoundRules {
  const { rounds, participants } = study.manifest;
  return {
    count: rounds.count,
    quorum: rounds.quorum,
    cohort: rounds.cohort === 'all' ? participants.length : rounds.cohort,
    gatherMs: rounds.gatherSeconds * 1000,
    deadlineMs: rounds.deadlineSeconds * 1000,
  };
}
