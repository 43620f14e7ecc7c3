import { giveBack } from '#shared/bytes/give-back.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import { SealedChannel } from '#shared/protocol/channel.ts';
import { decodeFrame, FRAME_KIND, type Frame, joinFrame, plainFrame } from '#shared/protocol/frames.ts';
import {
  agree,
  decodeHello,
  enclaveProof,
  encodeAttest,
  encodeClose,
  type Join,
  openingTranscript,
  openJoin,
  trafficKeys,
} from '#shared/protocol/handshake.ts';
import { LIMITS, PROTOCOL_VERSION } from '#shared/protocol/limits.ts';
import { decodeToEnclave, encodeMessage, type ToEnclave, type ToParticipant } from '#shared/protocol/messages.ts';
import type { Study, StudyParticipant } from '#shared/study/study.ts';
import type { InstanceKeys } from '../keys/instance-keys.ts';
import type { Clock } from '../ports/clock.ts';
import type { Connection } from '../ports/connection.ts';
import { admit } from './admission.ts';
import type { EvidenceBatch, NonceProof } from './evidence-batch.ts';

/** A study as its sessions see it. */
export interface Room {
  readonly study: Study;
  readonly evidence: EvidenceBatch;
  /** The participant is in; an older session of it must go. Called once, with the welcome already on its way. */
  entered(session: Session, participant: StudyParticipant, holds: Uint8Array | undefined): void;
  left(session: Session, participant: StudyParticipant): void;
  /** A message or chunk of a joined participant. A code closes the session with it. */
  message(participant: StudyParticipant, message: ToEnclave): Promise<RefusalCode | undefined>;
  chunk(participant: StudyParticipant, chunk: Extract<Frame, { kind: 'chunk' }>): Promise<RefusalCode | undefined>;
  /** What the welcome says of the study's course. */
  course(): Pick<Extract<ToParticipant, { name: 'welcome' }>['body'], 'round' | 'phase'>;
}

/** What a session needs from the enclave around it. */
export interface SessionContext {
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly keys: InstanceKeys;
  room(manifestDigest: Uint8Array): Room | undefined;
  /** Counts what was refused, by code; never with content. */
  refusedSession(code: RefusalCode): void;
}

type State =
  | { readonly kind: 'hello' }
  | { readonly kind: 'join'; readonly room: Room; readonly th1: Uint8Array; readonly ephemeralSecret: Uint8Array }
  | {
      readonly kind: 'joined';
      readonly room: Room;
      readonly participant: StudyParticipant;
      readonly channel: SealedChannel;
    }
  | { readonly kind: 'closed' };

const QUEUE_FRAMES_MAX = 256;
const QUEUE_FRAMES_PAUSE = 4;
/** Far more than a study ever has to say to a participant that reads. */
const OUTWARD_BYTES_MAX = 1024 * 1024;
const HANDSHAKE_MS_MAX = 30_000;
const RETRY_MS = 1_000;

/**
 * One participant's connection: handshake, sealed channel, and the frames in their order. Whatever a peer sends ends
 * at worst this session.
 */
export class Session {
  readonly #context: SessionContext;
  readonly #connection: Connection;
  readonly #queue: Uint8Array[] = [];
  readonly #cancelHandshake: () => void;
  #state: State = { kind: 'hello' };
  #busy = false;
  #outward: Promise<void> = Promise.resolve();

  constructor(context: SessionContext, connection: Connection) {
    this.#context = context;
    this.#connection = connection;
    this.#cancelHandshake = context.clock.after(HANDSHAKE_MS_MAX, () => this.#expireHandshake());
  }

  /** Takes one WebSocket message; `bytes` belongs to the session from now on. */
  receive(bytes: Uint8Array): void {
    if (this.#state.kind === 'closed') return;
    if (this.#queue.length >= QUEUE_FRAMES_MAX) return this.#end('SERVER_BUSY');
    // Anybody can connect; only who has joined may have frames of bulk wait here.
    if (this.#state.kind !== 'joined' && bytes.length > LIMITS.joinBytesMax) return this.#end('FRAME_MALFORMED');
    this.#queue.push(bytes);
    if (this.#queue.length === QUEUE_FRAMES_PAUSE) this.#connection.setReading(false);
    if (!this.#busy) void this.#drain();
  }

  /** The transport is gone. */
  disconnected(): void {
    this.#leave();
  }

  /** Sends a sealed message; after the session has ended it goes nowhere. */
  send(message: ToParticipant): void {
    if (this.#state.kind !== 'joined') return;
    this.#sendThrough(this.#state.channel, message);
  }

  /** Tells the participant `code` and ends the session. */
  close(code: RefusalCode, retryAfterMs: number = RETRY_MS): void {
    this.#end(code, retryAfterMs);
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (this.#queue.length === QUEUE_FRAMES_PAUSE - 1) this.#connection.setReading(true);
      const code = await this.#take(next);
      // Chunks are bulk: what was staged is a copy, and the frame's memory is wanted for the next one.
      if (next[0] === FRAME_KIND.chunk) giveBack(next);
      if (code !== undefined) this.#end(code);
      if (this.#state.kind === 'closed') break;
    }
    this.#busy = false;
  }

  async #take(bytes: Uint8Array): Promise<RefusalCode | undefined> {
    const frame = decodeFrame(bytes);
    if (frame === undefined) return 'FRAME_MALFORMED';
    const state = this.#state;
    if (state.kind === 'hello' && frame.kind === 'hello') return this.#hello(bytes, frame.body);
    if (state.kind === 'join' && frame.kind === 'join') return this.#join(state, frame);
    if (state.kind === 'joined' && frame.kind === 'sealed') return this.#sealed(state, frame);
    if (state.kind === 'joined' && frame.kind === 'chunk') return state.room.chunk(state.participant, frame);
    return 'MESSAGE_UNEXPECTED';
  }

  async #hello(frame: Uint8Array, body: Uint8Array): Promise<RefusalCode | undefined> {
    const { crypto, keys } = this.#context;
    const hello = decodeHello(body);
    if (hello === undefined) return 'FRAME_MALFORMED';
    if (hello.version !== PROTOCOL_VERSION || hello.kem !== crypto.xWing.id) return 'VERSION_UNSUPPORTED';
    const room = this.#context.room(hello.manifestDigest);
    if (room === undefined) return 'STUDY_UNKNOWN';
    const encapsulation = encapsulateTo(hello.ephemeralKey, crypto);
    if (encapsulation === undefined) return 'FRAME_MALFORMED';
    const proof = await prove(room.evidence, hello.nonce);
    if (proof === undefined) return 'SERVER_BUSY';
    const { quote, nonceIndex, nonceCount, noncePath } = proof;
    const attest = encodeAttest({
      platform: quote.platform,
      document: quote.document,
      endorsements: [...quote.endorsements],
      kemKey: keys.kem.publicKey,
      signingKey: keys.signing.publicKey,
      nonceRoot: quote.nonceRoot,
      nonceIndex,
      nonceCount,
      noncePath: [...noncePath],
      encapsulated: encapsulation.encapsulated,
    });
    if (this.#state.kind === 'closed') return undefined;
    const answer = plainFrame('attest', attest);
    const th1 = openingTranscript(frame, answer, crypto);
    this.#state = { kind: 'join', room, th1, ephemeralSecret: encapsulation.sharedSecret };
    this.#connection.send(answer);
    return undefined;
  }

  async #join(
    state: Extract<State, { kind: 'join' }>,
    frame: Extract<Frame, { kind: 'join' }>,
  ): Promise<RefusalCode | undefined> {
    const { crypto, keys, clock } = this.#context;
    const attestedSecret = decapsulateFrom(frame.encapsulated, keys.kem.secretKey, crypto);
    if (attestedSecret === undefined) return 'HANDSHAKE_FORGED';
    const secrets = { ephemeralSecret: state.ephemeralSecret, attestedSecret };
    const agreement = agree(state.th1, frame.encapsulated, secrets, crypto);
    wipe(state.ephemeralSecret, attestedSecret);
    const join = await openJoin(frame.sealed, agreement, crypto);
    if (join === undefined) {
      wipe(agreement.joinKey, agreement.prk);
      return 'HANDSHAKE_FORGED';
    }
    const traffic = trafficKeys(agreement, joinFrame(frame.encapsulated, frame.sealed), crypto);
    const channel = new SealedChannel(traffic, 'enclave', crypto);
    const context = { study: state.room.study, th1: state.th1, th2: agreement.th2, atMs: clock.wallMs(), crypto };
    const verdict = await admit(join, context);
    wipe(agreement.joinKey);
    if (this.#isClosed()) {
      channel.wipe();
      return undefined;
    }
    if (verdict.kind === 'refused') return this.#refuseJoin(channel, verdict.code);
    this.#welcome(state.room, verdict.value, channel, traffic.th3);
    state.room.entered(this, verdict.value, heldBy(join));
    return undefined;
  }

  #welcome(room: Room, participant: StudyParticipant, channel: SealedChannel, th3: Uint8Array): void {
    const { crypto, keys } = this.#context;
    this.#cancelHandshake();
    this.#state = { kind: 'joined', room, participant, channel };
    const { signature } = signPayload(PAYLOAD_TYPES.session, enclaveProof(th3), keys.signing.secretKey, crypto);
    this.send({ name: 'welcome', body: { signature, ...room.course() } });
  }

  /** The keys exist, so the answer to a refused join is sealed: only its sender reads why, and knows who says so. */
  #refuseJoin(channel: SealedChannel, code: RefusalCode): undefined {
    this.#sendThrough(channel, { name: 'close', body: { code, retryAfterMs: RETRY_MS } });
    this.#context.refusedSession(code);
    this.#hangUp();
    this.#outward = this.#outward.then(() => channel.wipe());
  }

  async #sealed(
    state: Extract<State, { kind: 'joined' }>,
    frame: Extract<Frame, { kind: 'sealed' }>,
  ): Promise<RefusalCode | undefined> {
    const opened = await state.channel.open(frame);
    if (opened.kind === 'tampered') return opened.code;
    const message = decodeToEnclave(opened.plaintext);
    if (message === undefined) return 'FRAME_MALFORMED';
    if (message.name !== 'leave') return state.room.message(state.participant, message);
    this.#hangUp();
    return undefined;
  }

  #sendThrough(channel: SealedChannel, message: ToParticipant): void {
    // Encoded now: the message may hold views of a frame that is about to be freed.
    const bytes = encodeMessage(message);
    // One after the other: the sequence numbers must leave in the order in which they were given.
    this.#outward = this.#outward.then(async () => {
      // Whoever asks without end and reads no answer must not grow this process.
      if (this.#connection.unsentBytes() > OUTWARD_BYTES_MAX) return this.#cutOff();
      this.#connection.send(await channel.seal(bytes));
    });
  }

  #cutOff(): void {
    if (this.#state.kind !== 'closed') this.#context.refusedSession('SERVER_BUSY');
    this.#leave();
    this.#connection.close();
  }

  #end(code: RefusalCode, retryAfterMs: number = RETRY_MS): void {
    if (this.#state.kind === 'closed') return;
    this.#context.refusedSession(code);
    if (this.#state.kind === 'joined') this.send({ name: 'close', body: { code, retryAfterMs } });
    else this.#connection.send(plainFrame('close', encodeClose({ code, retryAfterMs })));
    this.#hangUp();
  }

  #hangUp(): void {
    this.#leave();
    this.#outward = this.#outward.then(() => this.#connection.close());
  }

  #leave(): void {
    const state = this.#state;
    if (state.kind === 'closed') return;
    this.#cancelHandshake();
    this.#state = { kind: 'closed' };
    this.#queue.length = 0;
    if (state.kind === 'join') wipe(state.ephemeralSecret);
    if (state.kind !== 'joined') return;
    this.#outward = this.#outward.then(() => state.channel.wipe());
    state.room.left(this, state.participant);
  }

  #isClosed(): boolean {
    return this.#state.kind === 'closed';
  }

  #expireHandshake(): void {
    assert(this.#state.kind !== 'joined', 'a join cancels the deadline of its handshake');
    this.#end('SERVER_BUSY');
  }
}

/** Evidence for `nonce`; `undefined` when the device has none now, which is the world's failure and may pass. */
async function prove(evidence: EvidenceBatch, nonce: Uint8Array): Promise<NonceProof | undefined> {
  try {
    return await evidence.prove(nonce);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'ATTESTER_FAILED') return undefined;
    throw cause;
  }
}

function encapsulateTo(
  publicKey: Uint8Array,
  crypto: CryptoPort,
): ReturnType<CryptoPort['xWing']['encapsulate']> | undefined {
  try {
    return crypto.xWing.encapsulate(publicKey);
  } catch {
    // A KEM refuses a malformed key by throwing; for a peer's key that is an answer, not a failure.
    return undefined;
  }
}

function decapsulateFrom(encapsulated: Uint8Array, secretKey: Uint8Array, crypto: CryptoPort): Uint8Array | undefined {
  try {
    return crypto.xWing.decapsulate(encapsulated, secretKey);
  } catch {
    // As above: a malformed encapsulated key from a peer.
    return undefined;
  }
}

function heldBy(join: Join): Uint8Array | undefined {
  return join.holds === null ? undefined : join.holds;
}

function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
