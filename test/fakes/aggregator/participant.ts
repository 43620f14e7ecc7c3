import { once } from 'node:events';
import { connect as connectTo, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { attestAggregator } from '#shared/attestation/attested.ts';
import { knownEvidence } from '#shared/attestation/shown.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { signPayload, verifySigned } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { decodeReceipt, decodeRefusal, type Refusal } from '#shared/protocol/answers.ts';
import { SealedChannel } from '#shared/protocol/channel.ts';
import { chunkFrame, decodeFrame, type Frame, joinFrame, plainFrame } from '#shared/protocol/frames.ts';
import {
  type Attest,
  agree,
  decodeAttest,
  decodeClose,
  enclaveProof,
  encodeHello,
  type Hello,
  type Join,
  openingTranscript,
  participantProof,
  sealJoin,
  trafficKeys,
} from '#shared/protocol/handshake.ts';
import { SUBPROTOCOL } from '#shared/protocol/limits.ts';
import { decodeToParticipant, encodeMessage, type ToEnclave, type ToParticipant } from '#shared/protocol/messages.ts';
import { decodeRoundOpening, type RoundOpening } from '#shared/protocol/opening.ts';
import { UpdateSealer } from '#shared/update/seal-update.ts';
import type { TestParticipant, TestStudy } from './study.ts';

type Named<N extends ToParticipant['name']> = Extract<ToParticipant, { name: N }>;

/** What a scripted participant may do wrong on its way in. */
export interface Misdeeds {
  readonly hello?: Partial<Hello>;
  readonly join?: Partial<Join>;
  /** Signs the join with another key. */
  readonly identitySecretKey?: Uint8Array;
  /** Evidence for the session with this first transcript hash. */
  readonly evidence?: (th1: Uint8Array) => Promise<Join['evidence']>;
  /** Changes the join frame before it is sent. */
  readonly joinFrame?: (frame: Uint8Array) => Uint8Array;
}

/** The enclave ended the session, or this side did, with a code. */
export class SessionEnded extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`the session ended: ${code}`);
    this.code = code;
  }
}

/** What a scripted participant may do wrong with an update. */
export interface UpdateChanges {
  readonly opening?: Partial<RoundOpening>;
  readonly participant?: string;
  readonly identitySecretKey?: Uint8Array;
  readonly updateId?: Uint8Array;
  readonly examples?: number;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly values?: Float32Array;
}

/**
 * A participant that tests script step by step over a real WebSocket. It verifies the enclave as an honest one does,
 * and misbehaves only where it is told to.
 */
export class ScriptedParticipant {
  readonly party: TestParticipant;
  readonly socket: WebSocket;
  readonly received: ToParticipant[] = [];
  readonly #study: TestStudy;
  readonly #frames: Frame[] = [];
  #raw: Uint8Array[] = [];
  #wake: (() => void)[] = [];
  #channel: SealedChannel | undefined;
  #opening = Promise.resolve();
  closed = false;
  /** What this side found wrong with what it received; it hangs up then, as an honest participant does. */
  tampered: string | undefined;

  readonly #transport: Socket;

  private constructor(study: TestStudy, party: TestParticipant, socket: WebSocket, transport: Socket) {
    this.#transport = transport;
    this.#study = study;
    this.party = party;
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.#take(Uint8Array.from(data)));
    socket.on('close', () => {
      this.closed = true;
      this.#stir();
    });
    socket.on('error', () => undefined);
  }

  /** A connection on which nothing was said yet. `url` is `ws+unix:PATH:/`. */
  static async connect(url: string, study: TestStudy, index = 0): Promise<ScriptedParticipant> {
    const party = study.participants[index];
    if (party === undefined) throw new Error(`the study has no participant ${index}`);
    const transport = connectTo(url.slice('ws+unix:'.length, -':/'.length));
    const createConnection = () => transport;
    const options = { perMessageDeflate: false, generateMask: (mask: Buffer) => void mask.fill(0), createConnection };
    const socket = new WebSocket(url, SUBPROTOCOL, options);
    const scripted = new ScriptedParticipant(study, party, socket, transport);
    await once(socket, 'open');
    return scripted;
  }

  /** Connects, attests and joins. */
  static async join(url: string, study: TestStudy, index = 0): Promise<ScriptedParticipant> {
    const participant = await ScriptedParticipant.connect(url, study, index);
    await participant.handshake();
    return participant;
  }

  #take(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === undefined) return this.#hangUp('FRAME_MALFORMED');
    const channel = this.#channel;
    if (frame.kind !== 'sealed' || channel === undefined) {
      this.#frames.push(frame);
      this.#raw.push(bytes);
      return this.#stir();
    }
    this.#opening = this.#opening.then(async () => {
      const opened = await channel.open(frame);
      if (this.tampered !== undefined) return;
      if (opened.kind === 'tampered') return this.#hangUp(opened.code);
      const message = decodeToParticipant(opened.plaintext);
      if (message === undefined) return this.#hangUp('FRAME_MALFORMED');
      this.received.push(message);
      this.#stir();
    });
  }

  #hangUp(code: string): void {
    this.tampered ??= code;
    this.socket.terminate();
  }

  #stir(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  async until<T>(holds: () => T | undefined): Promise<T> {
    for (;;) {
      const value = holds();
      if (value !== undefined) return value;
      if (this.closed) throw new SessionEnded(this.tampered ?? 'CONNECTION_LOST');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Takes the next message of this name out of those received. */
  take<N extends ToParticipant['name']>(name: N, fits: (message: Named<N>) => boolean = () => true): Promise<Named<N>> {
    return this.until(() => {
      const at = this.received.findIndex((message) => message.name === name && fits(message as Named<N>));
      return at < 0 ? undefined : (this.received.splice(at, 1)[0] as Named<N>);
    });
  }

  /** Sends the hello and gives the enclave's attest frame, decoded, with the transcript so far. */
  async hello(changes: Partial<Hello> = {}): Promise<{
    readonly attest: Attest;
    readonly th1: Uint8Array;
    readonly nonce: Uint8Array;
    readonly ephemeralSecretKey: Uint8Array;
  }> {
    const ephemeral = nodeCrypto.xWing.generate();
    const nonce = nodeCrypto.randomBytes(32);
    const hello = {
      version: 1,
      kem: nodeCrypto.xWing.id,
      manifestDigest: this.#study.study.digest,
      nonce,
      ephemeralKey: ephemeral.publicKey,
      ...changes,
    };
    const helloFrame = plainFrame('hello', encodeHello(hello));
    this.sendRaw(helloFrame);
    const [frame, raw] = await this.until(() => {
      const first = this.#frames.shift();
      const bytes = this.#raw.shift();
      return first === undefined || bytes === undefined ? undefined : ([first, bytes] as const);
    });
    if (frame.kind === 'close') throw new SessionEnded(decodeClose(frame.body)?.code ?? 'FRAME_MALFORMED');
    const attest = frame.kind === 'attest' ? decodeAttest(frame.body) : undefined;
    if (attest === undefined) throw new SessionEnded('FRAME_MALFORMED');
    const th1 = openingTranscript(helloFrame, raw, nodeCrypto);
    return { attest, th1, nonce, ephemeralSecretKey: ephemeral.secretKey };
  }

  /** The whole handshake; throws when the enclave does not prove itself. */
  async handshake(misdeeds: Misdeeds = {}): Promise<void> {
    const { attest, th1, nonce, ephemeralSecretKey } = await this.hello(misdeeds.hello);
    await this.#verify(attest, nonce);
    const ephemeralSecret = nodeCrypto.xWing.decapsulate(attest.encapsulated, ephemeralSecretKey);
    const { encapsulated, sharedSecret } = nodeCrypto.xWing.encapsulate(attest.kemKey);
    const agreement = agree(th1, encapsulated, { ephemeralSecret, attestedSecret: sharedSecret }, nodeCrypto);
    const { identity, id } = this.party;
    const proof = participantProof(agreement.th2);
    const { identitySecretKey = identity.secretKey } = misdeeds;
    const { signature } = signPayload(PAYLOAD_TYPES.session, proof, identitySecretKey, nodeCrypto);
    const evidence = (await misdeeds.evidence?.(th1)) ?? null;
    const join: Join = { participant: id, signature, evidence, holds: null, ...misdeeds.join };
    const frame = joinFrame(encapsulated, await sealJoin(join, agreement, nodeCrypto));
    const traffic = trafficKeys(agreement, frame, nodeCrypto);
    this.#channel = new SealedChannel(traffic, 'participant', nodeCrypto);
    this.sendRaw(misdeeds.joinFrame?.(frame) ?? frame);
    const welcome = await this.until(
      () => this.received.find(({ name }) => name === 'welcome' || name === 'close') ?? this.#hint(),
    );
    if (welcome.name !== 'welcome') throw new SessionEnded(welcome.name === 'close' ? welcome.body.code : '');
    const signed = { payload: enclaveProof(traffic.th3), signature: welcome.body.signature };
    if (!verifySigned(PAYLOAD_TYPES.session, signed, attest.signingKey, nodeCrypto))
      throw new Error('unsigned welcome');
  }

  #hint(): Named<'close'> | undefined {
    const frame = this.#frames.find(({ kind }) => kind === 'close');
    const hint = frame?.kind === 'close' ? decodeClose(frame.body) : undefined;
    return hint === undefined ? undefined : { name: 'close', body: hint };
  }

  async #verify(attest: Attest, nonce: Uint8Array): Promise<void> {
    const { platform, document, endorsements, ...rest } = attest;
    const evidence = knownEvidence({ platform, document, endorsements });
    if (evidence === undefined) throw new SessionEnded('PLATFORM_NOT_ACCEPTED');
    const { study } = this.#study;
    const result = await attestAggregator(
      { evidence, manifestDigest: study.digest, ...rest },
      { manifestDigest: study.digest, nonce },
      { policies: [study.policy], atMs: Date.now(), crypto: nodeCrypto },
    );
    if (result.kind === 'refused') throw new SessionEnded(result.reasons.map(({ code }) => code).join(' '));
  }

  /** Sends many frames so that they arrive together. */
  sendTogether(frames: readonly Uint8Array[]): void {
    this.#transport.cork();
    for (const frame of frames) this.sendRaw(frame);
    this.#transport.uncork();
  }

  sendRaw(frame: Uint8Array): void {
    this.socket.send(frame);
  }

  /** A sealed frame for `message`, not sent. */
  async seal(message: ToEnclave | Uint8Array): Promise<Uint8Array> {
    if (this.#channel === undefined) throw new Error('not joined yet');
    return this.#channel.seal(message instanceof Uint8Array ? message : encodeMessage(message));
  }

  async send(message: ToEnclave): Promise<void> {
    this.sendRaw(await this.seal(message));
  }

  /** Runs a handshake that must fail, and gives the code it fails with. */
  async refusedHandshake(misdeeds: Misdeeds = {}): Promise<string> {
    return this.handshake(misdeeds).then(
      () => 'no refusal at all',
      (cause: unknown) => {
        if (cause instanceof SessionEnded) return cause.code;
        throw cause;
      },
    );
  }

  /** Waits for the next round opening. */
  async opening(fits: (opening: RoundOpening) => boolean = () => true): Promise<RoundOpening> {
    const { body } = await this.take('round', ({ body: { opening } }) => {
      const decoded = decodeRoundOpening(opening.payload);
      return decoded !== undefined && fits(decoded);
    });
    const decoded = decodeRoundOpening(body.opening.payload);
    if (decoded === undefined) throw new Error('malformed opening');
    return decoded;
  }

  /** An update for `opening`, honest but for `changes`. */
  sealer(opening: RoundOpening, changes: UpdateChanges = {}): UpdateSealer {
    const { layout } = this.#study.study;
    const values = changes.values ?? new Float32Array(layout.parameterCount).fill(1);
    return new UpdateSealer(
      { ...opening, ...changes.opening },
      {
        participant: changes.participant ?? this.party.id,
        identitySecretKey: changes.identitySecretKey ?? this.party.identity.secretKey,
        updateId: changes.updateId ?? nodeCrypto.randomBytes(16),
      },
      {
        prelude: { examples: changes.examples ?? 10, metrics: changes.metrics ?? { loss: 0.5 } },
        tensorBytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      },
      nodeCrypto,
    );
  }

  async chunk(sealer: UpdateSealer, index: number): Promise<Uint8Array> {
    return chunkFrame(sealer.updateId, index, await sealer.chunk(index));
  }

  /** Sends a whole update and gives the enclave's answer about it. */
  async upload(sealer: UpdateSealer): Promise<'receipt' | Refusal> {
    const next = await this.begin(sealer);
    if (typeof next !== 'number') return next;
    for (let index = next; index < sealer.chunkCount; index++) this.sendRaw(await this.chunk(sealer, index));
    return this.answer(sealer.updateId);
  }

  /** Begins an update; gives the index of the chunk to go on with, or the answer when there is one already. */
  async begin({ header, updateId }: Pick<UpdateSealer, 'header' | 'updateId'>): Promise<number | 'receipt' | Refusal> {
    await this.send({ name: 'begin', body: { header } });
    const first = await this.#first(['grant', 'receipt', 'refusal'], updateId);
    return first.name === 'grant' ? first.body.next : answerOf(first);
  }

  /** The next receipt or refusal about an update. */
  async answer(updateId: Uint8Array): Promise<'receipt' | Refusal> {
    return answerOf(await this.#first(['receipt', 'refusal'], updateId));
  }

  /** Takes the first message of one of these names about an update out of those received. */
  #first(names: readonly ToParticipant['name'][], updateId: Uint8Array): Promise<ToParticipant> {
    const id = toHex(updateId);
    return this.until(() => {
      const at = this.received.findIndex((message) => names.includes(message.name) && updateOf(message) === id);
      return at < 0 ? undefined : this.received.splice(at, 1)[0];
    });
  }

  /** The code with which the enclave ends this session. */
  async closing(): Promise<string> {
    const hint = await this.until(() => this.received.find(({ name }) => name === 'close') ?? this.#hint());
    return hint.name === 'close' ? hint.body.code : '';
  }

  /** Resolves when the connection is gone. */
  async ended(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  leave(): void {
    this.socket.terminate();
  }
}

function answerOf(message: ToParticipant): 'receipt' | Refusal {
  if (message.name !== 'refusal') return 'receipt';
  const refusal = decodeRefusal(message.body.refusal.payload);
  if (refusal === undefined) throw new Error('malformed refusal');
  return refusal;
}

/** Hex of the update id that a message is about. */
function updateOf(message: ToParticipant): string | undefined {
  if (message.name === 'grant') return toHex(message.body.updateId);
  if (message.name === 'receipt') return decodeReceipt(message.body.receipt.payload)?.updateId;
  return message.name === 'refusal' ? decodeRefusal(message.body.refusal.payload)?.updateId : undefined;
}
