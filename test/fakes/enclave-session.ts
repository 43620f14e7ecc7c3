import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { mintDocument } from '#infra/emulator/document.ts';
import { reportDataFor } from '#shared/attestation/binding.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { KeyPair } from '#shared/crypto/port.ts';
import { type Signed, signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES, type PayloadType } from '#shared/dsse/types.ts';
import { inclusionPath, treeRoot } from '#shared/log/merkle.ts';
import { SealedChannel } from '#shared/protocol/channel.ts';
import { decodeFrame, type Frame, plainFrame } from '#shared/protocol/frames.ts';
import {
  type Attest,
  agree,
  decodeHello,
  enclaveProof,
  encodeAttest,
  type Join,
  openingTranscript,
  openJoin,
  trafficKeys,
} from '#shared/protocol/handshake.ts';
import { FRAME_BYTES_MAX, SUBPROTOCOL } from '#shared/protocol/limits.ts';
import {
  decodeToEnclave,
  encodeMessage,
  type MessageBody,
  type Phase,
  type ToEnclave,
  type ToParticipant,
} from '#shared/protocol/messages.ts';
import { contentsOf, type FakePlatform } from './tee/enclave.ts';

/** How a test bends the enclave's side. */
export interface EnclaveBend {
  /** Replaces the manifest digest that the evidence binds. */
  readonly boundManifest?: Uint8Array;
  /** Replaces the nonce that the evidence answers. */
  readonly answeredNonce?: Uint8Array;
  /** Changes the attest frame after the evidence was made for it. */
  readonly attest?: (attest: Attest) => Attest;
  /** Signs the welcome in place of the attested key. */
  readonly welcomeKey?: Uint8Array;
  readonly phase?: Phase;
  /** Frames sent in place of the attest frame. */
  readonly insteadOfAttest?: readonly Uint8Array[];
  /** Frames sent in place of the welcome, made with the session's channel. */
  readonly insteadOfWelcome?: (channel: SealedChannel) => Promise<readonly Uint8Array[]>;
}

/** What a participant sent inside an established session. */
export type Arrival =
  | { readonly kind: 'message'; readonly message: ToEnclave }
  | { readonly kind: 'chunk'; readonly chunk: Extract<Frame, { kind: 'chunk' }> };

/** One session, from the enclave's end. */
export class FakeSession {
  readonly join: Join;
  readonly #socket: WebSocket;
  readonly #channel: SealedChannel;
  readonly #next: () => Promise<Uint8Array>;

  constructor(join: Join, socket: WebSocket, channel: SealedChannel, next: () => Promise<Uint8Array>) {
    this.join = join;
    this.#socket = socket;
    this.#channel = channel;
    this.#next = next;
  }

  async send(message: ToParticipant): Promise<Uint8Array> {
    const frame = await this.#channel.seal(encodeMessage(message));
    this.#socket.send(frame);
    return frame;
  }

  /** Seals without sending. */
  seal(message: ToParticipant): Promise<Uint8Array> {
    return this.#channel.seal(encodeMessage(message));
  }

  sendRaw(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  async next(): Promise<Arrival> {
    const frame = decodeFrame(await this.#next());
    if (frame?.kind === 'chunk') return { kind: 'chunk', chunk: frame };
    if (frame?.kind !== 'sealed') throw new Error(`a participant sent ${frame?.kind ?? 'nonsense'}`);
    const opened = await this.#channel.open(frame);
    const message = opened.kind === 'opened' ? decodeToEnclave(opened.plaintext) : undefined;
    if (message === undefined) throw new Error('a participant sent what does not open');
    return { kind: 'message', message };
  }

  /** The next message of this name; anything else fails the script. */
  async expect<N extends ToEnclave['name']>(name: N): Promise<MessageBody<N>> {
    const arrival = await this.next();
    if (arrival.kind === 'message' && arrival.message.name === name) {
      // The name that was compared decides the body.
      return arrival.message.body as MessageBody<N>;
    }
    throw new Error(`expected ${name}, found ${arrival.kind === 'chunk' ? 'a chunk' : arrival.message.name}`);
  }

  async expectChunk(): Promise<Extract<Frame, { kind: 'chunk' }>> {
    const arrival = await this.next();
    if (arrival.kind === 'chunk') return arrival.chunk;
    throw new Error(`expected a chunk, found ${arrival.message.name}`);
  }

  /** Breaks the connection without a word. */
  drop(): void {
    this.#socket.terminate();
  }
}

/** What the enclave does in its `nth` session (from 0), once the welcome is out. */
export type Script = (session: FakeSession, nth: number) => Promise<void>;

/** Answers a GET of the host. */
export type Route = (request: IncomingMessage, response: ServerResponse) => void;

/** An enclave and its host in one process on a loopback port, acting out a script. */
export class FakeEnclave {
  readonly signing: KeyPair = nodeCrypto.ed25519Generate();
  readonly kem: KeyPair = nodeCrypto.xWing.generate();
  readonly routes = new Map<string, Route>();
  /** What went wrong in scripts; a test expects none. */
  readonly failures: unknown[] = [];
  bend: EnclaveBend = {};
  script: Script = async () => undefined;
  connections = 0;
  readonly #platform: FakePlatform;
  readonly #manifestDigest: Uint8Array;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;

  constructor(platform: FakePlatform, manifestDigest: Uint8Array) {
    this.#platform = platform;
    this.#manifestDigest = manifestDigest;
    this.#server = createServer((request, response) => this.#route(request, response));
    this.#sockets = new WebSocketServer({
      server: this.#server,
      path: '/v1/enclave',
      maxPayload: FRAME_BYTES_MAX,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    this.#sockets.on('connection', (socket) => {
      const nth = this.connections++;
      this.#attend(socket, nth).catch((error: unknown) => {
        if (!(error instanceof Disconnected)) this.failures.push(error);
        socket.terminate();
      });
    });
  }

  async listen(): Promise<URL> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    return new URL(`http://127.0.0.1:${port}`);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  sign(type: PayloadType, payload: Uint8Array): Signed {
    return signPayload(type, payload, this.signing.secretKey, nodeCrypto);
  }

  /** Evidence for this enclave's keys and these nonces. */
  async evidence(nonces: readonly Uint8Array[]): Promise<{ document: Uint8Array; nonceRoot: Uint8Array }> {
    const nonceRoot = treeRoot(nonces, nodeCrypto);
    const manifestDigest = this.bend.boundManifest ?? this.#manifestDigest;
    const keys = { kemKey: this.kem.publicKey, signingKey: this.signing.publicKey };
    const reportData = reportDataFor({ ...keys, manifestDigest, nonceRoot }, nodeCrypto);
    return { document: await mintDocument(this.#platform.chain, contentsOf(this.#platform, reportData)), nonceRoot };
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const route = this.routes.get(path);
    if (route !== undefined) {
      route(request, response);
      return;
    }
    response.writeHead(404).end('{"error":{"code":"NOT_FOUND","message":"no such thing"}}');
  }

  async #attend(socket: WebSocket, nth: number): Promise<void> {
    const next = messagesOf(socket);
    const helloFrame = await next();
    if (this.bend.insteadOfAttest !== undefined) {
      for (const frame of this.bend.insteadOfAttest) socket.send(frame);
      return;
    }
    const { attestFrame, ephemeralSecret } = await this.#attest(helloFrame);
    socket.send(attestFrame);
    const joinBytes = await next();
    const frame = decodeFrame(joinBytes);
    if (frame?.kind !== 'join') throw new Error('a participant sent no join');
    const th1 = openingTranscript(helloFrame, attestFrame, nodeCrypto);
    const attestedSecret = nodeCrypto.xWing.decapsulate(frame.encapsulated, this.kem.secretKey);
    const agreement = agree(th1, frame.encapsulated, { ephemeralSecret, attestedSecret }, nodeCrypto);
    const join = await openJoin(frame.sealed, agreement, nodeCrypto);
    if (join === undefined) throw new Error('a join that does not open');
    const keys = trafficKeys(agreement, joinBytes, nodeCrypto);
    const channel = new SealedChannel(keys, 'enclave', nodeCrypto);
    const session = new FakeSession(join, socket, channel, next);
    if (this.bend.insteadOfWelcome !== undefined) {
      for (const each of await this.bend.insteadOfWelcome(channel)) socket.send(each);
      return;
    }
    const secretKey = this.bend.welcomeKey ?? this.signing.secretKey;
    const { signature } = signPayload(PAYLOAD_TYPES.session, enclaveProof(keys.th3), secretKey, nodeCrypto);
    await session.send({ name: 'welcome', body: { signature, round: 0, phase: this.bend.phase ?? 'recruiting' } });
    await this.script(session, nth);
  }

  async #attest(helloFrame: Uint8Array): Promise<{ attestFrame: Uint8Array; ephemeralSecret: Uint8Array }> {
    const frame = decodeFrame(helloFrame);
    const hello = frame?.kind === 'hello' ? decodeHello(frame.body) : undefined;
    if (hello === undefined) throw new Error('a participant sent no hello');
    const nonces = [nodeCrypto.randomBytes(32), this.bend.answeredNonce ?? hello.nonce, nodeCrypto.randomBytes(32)];
    const { document, nonceRoot } = await this.evidence(nonces);
    const { encapsulated, sharedSecret } = nodeCrypto.xWing.encapsulate(hello.ephemeralKey);
    const attest: Attest = {
      platform: 'aws-nitro',
      document,
      endorsements: [],
      kemKey: this.kem.publicKey,
      signingKey: this.signing.publicKey,
      nonceRoot,
      nonceIndex: 1,
      nonceCount: nonces.length,
      noncePath: [...inclusionPath(nonces, 1, nodeCrypto)],
      encapsulated,
    };
    const sent = this.bend.attest?.(attest) ?? attest;
    return { attestFrame: plainFrame('attest', encodeAttest(sent)), ephemeralSecret: sharedSecret };
  }
}

/** The participant went away: the end of a script, not a failure of it. */
export class Disconnected extends Error {}

/** Messages of a socket one after the other; rejects with `Disconnected` after the last. */
function messagesOf(socket: WebSocket): () => Promise<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let closed = false;
  let wake: (() => void) | undefined;
  socket.on('message', (data: Buffer) => {
    waiting.push(new Uint8Array(data));
    wake?.();
  });
  socket.on('close', () => {
    closed = true;
    wake?.();
  });
  return async () => {
    for (;;) {
      const message = waiting.shift();
      if (message !== undefined) return message;
      if (closed) throw new Disconnected('the participant is gone');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}
