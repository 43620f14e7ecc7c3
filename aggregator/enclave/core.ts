import type { FromHost } from '#boundary/from-host.ts';
import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { Fault, unreachable } from '#shared/fault/fault.ts';
import type { Verdict } from '#shared/fault/verdict.ts';
import type { CommandName } from '#shared/study/command.ts';
import { initialParameters } from '#shared/study/initial.ts';
import { openSignedStudy } from '#shared/study/signed-study.ts';
import type { Study } from '#shared/study/study.ts';
import type { Tensors } from './aggregation/tensors.ts';
import { CommandDesk } from './command/command-desk.ts';
import type { InstanceKeys } from './keys/instance-keys.ts';
import type { Attester } from './ports/attester.ts';
import type { Clock } from './ports/clock.ts';
import type { Connection } from './ports/connection.ts';
import type { HostPort } from './ports/host.ts';
import { EndorsedAttester } from './session/endorsed-attester.ts';
import { EvidenceBatch, type Quote } from './session/evidence-batch.ts';
import { Session } from './session/session.ts';
import type { Log } from './study/context.ts';
import { createReleaseChain } from './study/release-chain.ts';
import { StudyRoom } from './study/room.ts';

/** What the enclave is made of; `main.ts` chooses the adapters. */
export interface CoreParts {
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly keys: InstanceKeys;
  readonly attester: Attester;
  readonly host: HostPort;
  readonly backend: Tensors;
  /** Size of the chunks that participants are told to send, bytes. */
  readonly chunkBytes: number;
  /** Memory for staging uploads, bytes for each study; at least one upload is staged whatever it says. */
  readonly stagingBytes: number;
}

interface Seat {
  readonly room: StudyRoom;
  readonly desk: CommandDesk;
  /** Ids of accepted commands whose run goes on. */
  readonly running: Set<string>;
}

interface Answer {
  readonly envelope: Uint8Array;
  readonly body: { readonly accepted: boolean; readonly code: string | null; readonly detail: string };
}

type Refused = Extract<Verdict<never>, { kind: 'refused' }>;

const STUDIES_MAX = 16;
const ANSWERS_MAX = 1_000;
/** Answers to what nobody known has signed. */
const UNSIGNED: ReadonlySet<string> = new Set<RefusalCode>([
  'COMMAND_MALFORMED',
  'COMMAND_SIGNATURE_INVALID',
  'STUDY_UNKNOWN',
]);
const EVIDENCE_REFRESH_MS = 10 * 60 * 1000;

/** The enclave: studies, their sessions, and what the host asks. Everything that comes in is taken for hostile. */
export class Core {
  readonly #parts: CoreParts;
  readonly #attester: EndorsedAttester;
  readonly #seats = new Map<string, Seat>();
  readonly #answers = new Map<string, Answer>();
  readonly #refusedSessions = new Map<RefusalCode, number>();
  #offered: { study: Study; weights: Uint8Array; filled: number } | undefined;
  #offers: Promise<void> = Promise.resolve();
  /** Transfers are told apart by number, so the studies share one sequence. */
  #transfers = 0;

  constructor(parts: CoreParts) {
    this.#parts = parts;
    this.#attester = new EndorsedAttester(parts.attester);
  }

  /** A participant has connected. */
  connect(connection: Connection): Session {
    const { crypto, clock, keys } = this.#parts;
    return new Session(
      {
        crypto,
        clock,
        keys,
        room: (manifestDigest) => this.#seats.get(toHex(manifestDigest))?.room,
        refusedSession: (code) => this.#countRefused(code),
      },
      connection,
    );
  }

  /** The host has connected: it hears who this is and where everything stands. */
  hostConnected(): void {
    const { host, keys, backend, attester } = this.#parts;
    const { instance } = keys;
    void host.send({ name: 'ready', body: { instance, backend: backend.name, platform: attester.platform } });
    for (const { room } of this.#seats.values()) {
      this.#announce(room);
      room.hostReturned();
    }
  }

  /** Takes a message of the host's. */
  fromHost(message: FromHost): void {
    switch (message.name) {
      case 'study':
        this.#enqueue(() => this.#offer(message.body));
        return;
      case 'study-weights':
        this.#enqueue(() => this.#weights(message.body));
        return;
      case 'command':
        return this.#command(message.body.id, message.body.envelope);
      case 'release-stored':
        for (const { room } of this.#seats.values()) room.stored(message.body.release);
        return;
      case 'endorsements':
        return this.#attester.replaceCollected(message.body.items);
      default:
        return unreachable(message);
    }
  }

  /** Tells every participant to come back later. */
  shutDown(): void {
    for (const { room } of this.#seats.values()) room.shutDown();
  }

  /** Studies are taken up one after the other, each whole; what is wrong with one is told to the host. */
  #enqueue(work: () => Promise<void>): void {
    this.#offers = this.#offers.then(async () => {
      try {
        await work();
      } catch (cause) {
        if (!(cause instanceof Fault)) throw cause;
        this.#offered = undefined;
        void this.#parts.host.send({
          name: 'study-refused',
          body: { code: cause.code, detail: cause.message.slice(0, 1000) },
        });
      }
    });
  }

  async #offer(body: Extract<FromHost, { name: 'study' }>['body']): Promise<void> {
    const study = openSignedStudy(body.envelope, this.#parts.crypto);
    const seat = this.#seats.get(toHex(study.digest));
    if (seat !== undefined) return this.#announce(seat.room);
    if (this.#seats.size >= STUDIES_MAX) {
      throw new Fault('MANIFEST_INVALID', `this enclave serves ${STUDIES_MAX} studies, which is the most`);
    }
    if (study.initial.kind !== 'digest') return this.#open(study, undefined);
    if (body.weightsBytes !== study.layout.bytes) {
      const found = `${body.weightsBytes} bytes offered, expected ${study.layout.bytes}`;
      throw new Fault('MANIFEST_INVALID', `the study needs its initial weights: ${found}; give their file to the host`);
    }
    this.#offered = { study, weights: new Uint8Array(study.layout.bytes), filled: 0 };
  }

  async #weights(body: Extract<FromHost, { name: 'study-weights' }>['body']): Promise<void> {
    const offered = this.#offered;
    if (offered === undefined || !equalBytes(offered.study.digest, body.manifestDigest)) return;
    if (body.offset !== offered.filled || offered.filled + body.bytes.length > offered.weights.length) {
      throw new Fault('MANIFEST_INVALID', 'the initial weights came with a gap or are too long; offer the study again');
    }
    offered.weights.set(body.bytes, body.offset);
    offered.filled += body.bytes.length;
    if (!body.last) return;
    this.#offered = undefined;
    await this.#open(offered.study, offered.weights.subarray(0, offered.filled));
  }

  async #open(study: Study, weights: Uint8Array | undefined): Promise<void> {
    const { crypto, clock, keys, host, backend, chunkBytes, stagingBytes } = this.#parts;
    const model = initialParameters(study, crypto, weights).values;
    const bound = {
      kemKey: keys.kem.publicKey,
      signingKey: keys.signing.publicKey,
      manifestDigest: study.digest,
    };
    const evidence = new EvidenceBatch(this.#attester, bound, crypto, (quote) => this.#tellEvidence(study, quote));
    await evidence.prove(crypto.randomBytes(32));
    const fits = Math.floor(stagingBytes / study.layout.bytes);
    const slots = Math.max(1, Math.min(fits, study.participants.length));
    const nextTransfer = (): number => ++this.#transfers;
    const parts = { study, model, slots, evidence, keys, crypto, clock, host, backend, nextTransfer };
    const releases = await createReleaseChain(parts);
    const room = new StudyRoom(study, evidence, releases, {
      crypto,
      clock,
      keys,
      host,
      chunkBytes,
      log: this.log,
      courseChanged: (changed) => this.#courseChanged(changed),
    });
    const desk = new CommandDesk(study, keys.instance, crypto);
    this.#seats.set(toHex(study.digest), { room, desk, running: new Set() });
    this.#keepFresh(evidence);
    this.#announce(room);
    room.tellStatus();
    this.log('info', 'study-accepted', { study: study.manifest.study, slots });
  }

  /** Evidence that the host shows to coordinators must not grow old between handshakes. */
  #keepFresh(evidence: EvidenceBatch): void {
    const { clock, crypto } = this.#parts;
    clock.after(EVIDENCE_REFRESH_MS, () => {
      evidence.prove(crypto.randomBytes(32)).then(
        () => this.#keepFresh(evidence),
        () => {
          this.log('warn', 'evidence-refresh-failed');
          this.#keepFresh(evidence);
        },
      );
    });
  }

  #announce(room: StudyRoom): void {
    const { digest, manifest } = room.study;
    void this.#parts.host.send({ name: 'study-accepted', body: { manifestDigest: digest, name: manifest.study } });
    const quote = room.evidence.latest;
    if (quote !== undefined) this.#tellEvidence(room.study, quote);
  }

  #tellEvidence(study: Study, quote: Quote): void {
    const { keys, host } = this.#parts;
    const { platform, document, endorsements, nonceRoot } = quote;
    void host.send({
      name: 'evidence',
      body: {
        manifestDigest: study.digest,
        platform,
        document,
        endorsements: [...endorsements],
        kemKey: keys.kem.publicKey,
        signingKey: keys.signing.publicKey,
        nonceRoot,
      },
    });
  }

  #command(id: string, envelope: Uint8Array): void {
    const answered = this.#answers.get(id);
    // The host asks again after a lost connection; the same command under the same id has the same answer.
    const body =
      answered !== undefined && equalBytes(answered.envelope, envelope) ? answered.body : this.#obey(id, envelope);
    // Only what the coordinator signed is remembered: junk must not make the enclave forget a command that runs.
    if (body.code === null || !UNSIGNED.has(body.code)) this.#remember(id, { envelope, body });
    void this.#parts.host.send({ name: 'command-result', body: { id, ...body } });
    for (const seat of this.#seats.values()) if (seat.running.has(id)) this.#tellProgress(seat);
  }

  #remember(id: string, answer: Answer): void {
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= ANSWERS_MAX && oldest !== undefined) this.#answers.delete(oldest);
    this.#answers.set(id, answer);
  }

  #obey(id: string, envelope: Uint8Array): Answer['body'] {
    const judged = this.#judge(envelope);
    if (judged.kind === 'refused') return this.#refuseCommand(judged.code, judged.detail);
    const { seat, command } = judged.value;
    if (!seat.room.command(command)) {
      const { phase } = seat.room.course();
      return this.#refuseCommand('COMMAND_ILLEGAL', `${command} does not apply while the study is ${phase}`);
    }
    if (command === 'start' || command === 'resume') seat.running.add(id);
    this.log('info', 'command-obeyed', { command });
    return { accepted: true, code: null, detail: '' };
  }

  #refuseCommand(code: RefusalCode, detail: string): Answer['body'] {
    this.log('warn', 'command-refused', { code });
    return { accepted: false, code, detail };
  }

  /** The verdict of the study that the command is for, or the one that comes closest where none knows it. */
  #judge(envelope: Uint8Array): Verdict<{ readonly seat: Seat; readonly command: CommandName }> {
    const wallMs = this.#parts.clock.wallMs();
    let closest: Refused = { kind: 'refused', code: 'STUDY_UNKNOWN', detail: 'no study is served here' };
    for (const seat of this.#seats.values()) {
      const verdict = seat.desk.judge(envelope, wallMs);
      if (verdict.kind === 'accepted') return { kind: 'accepted', value: { seat, command: verdict.value.command } };
      if (verdict.code !== 'COMMAND_FOREIGN' && verdict.code !== 'COMMAND_SIGNATURE_INVALID') return verdict;
      // Who signed is known when a command is foreign; the studies of other coordinators have nothing to add.
      if (closest.code !== 'COMMAND_FOREIGN') closest = verdict;
    }
    return closest;
  }

  #courseChanged(room: StudyRoom): void {
    const seat = this.#seats.get(toHex(room.study.digest));
    if (seat !== undefined) this.#tellProgress(seat);
  }

  #tellProgress({ room, running }: Seat): void {
    const { phase, round } = room.course();
    const rounds = room.study.manifest.rounds.count;
    const over = phase === 'finished' || phase === 'stopped' || phase === 'paused';
    for (const id of running) {
      void this.#parts.host.send({ name: 'command-progress', body: { id, round, rounds } });
      if (over) void this.#parts.host.send({ name: 'command-done', body: { id, phase } });
    }
    if (over) running.clear();
  }

  #countRefused(code: RefusalCode): void {
    const count = (this.#refusedSessions.get(code) ?? 0) + 1;
    this.#refusedSessions.set(code, count);
    this.log('info', 'session-refused', { code, count });
  }

  /** Writes to the operator's log. */
  readonly log: Log = (level, event, fields = {}) => {
    void this.#parts.host.send({ name: 'log', body: { level, event, fields: { ...fields } } });
  };
}
