import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { BINARY, encodeWsFrame, type WsFrame, WsFrameReader } from './ws-frames.ts';

/** Which way a message goes. */
export type Direction = 'to-enclave' | 'to-participant';

/** A message on its way, `index` counting those of its session and direction from 0. */
export interface Passing {
  readonly session: RelayedSession;
  readonly direction: Direction;
  readonly index: number;
  readonly payload: Uint8Array;
}

/** Decides what becomes of a message: the payloads that are sent in its place. */
export type Conduct = (passing: Passing) => readonly Uint8Array[];

const HEAD_END = Buffer.from('\r\n\r\n');

/** One relayed connection, with every message that came in. */
export class RelayedSession {
  readonly seen: Readonly<Record<Direction, Uint8Array[]>> = { 'to-enclave': [], 'to-participant': [] };
  readonly #sockets: Readonly<Record<Direction, Socket>>;

  constructor(participant: Socket, enclave: Socket) {
    this.#sockets = { 'to-enclave': enclave, 'to-participant': participant };
  }

  /** Sends a message of the relay's own. */
  inject(direction: Direction, payload: Uint8Array): void {
    this.forward(direction, { opcode: BINARY, payload });
  }

  forward(direction: Direction, frame: WsFrame): void {
    this.#sockets[direction].write(encodeWsFrame(frame, direction === 'to-enclave'));
  }
}

/** A host's relay that reads WebSocket and does to each message what a test tells it to; honest until then. */
export class HostileRelay {
  readonly url: string;
  readonly sessions: RelayedSession[] = [];
  /** Every byte that passed, both ways, as it was on the transport. */
  readonly bytes: Uint8Array[] = [];
  conduct: Conduct = honest;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.url = `ws+unix:${path}:/`;
  }

  /** Listens in `folder` under `name` and relays to the enclave's socket. */
  static async start(folder: string, enclavePath: string, name = 'relay.sock'): Promise<HostileRelay> {
    const path = join(folder, name);
    const server = createServer();
    const relay = new HostileRelay(server, path);
    server.on('connection', (socket) => relay.#relay(socket, connect(enclavePath)));
    server.listen(path);
    await once(server, 'listening');
    return relay;
  }

  #relay(participant: Socket, enclave: Socket): void {
    const session = new RelayedSession(participant, enclave);
    this.sessions.push(session);
    this.#pump(session, 'to-enclave', participant, enclave);
    this.#pump(session, 'to-participant', enclave, participant);
  }

  #pump(session: RelayedSession, direction: Direction, from: Socket, to: Socket): void {
    this.#sockets.add(from);
    const reader = new WsFrameReader();
    let head: Buffer | undefined = Buffer.alloc(0);
    from.on('data', (data: Buffer) => {
      this.bytes.push(Uint8Array.from(data));
      let rest = data;
      if (head !== undefined) {
        // The HTTP upgrade goes through as it is.
        const upgrade: Buffer = Buffer.concat([head, data]);
        const end = upgrade.indexOf(HEAD_END);
        head = end < 0 ? upgrade : undefined;
        if (end < 0) return;
        to.write(upgrade.subarray(0, end + HEAD_END.length));
        rest = upgrade.subarray(end + HEAD_END.length);
      }
      for (const frame of reader.push(rest)) this.#pass(session, direction, frame);
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on('error', () => from.destroy());
  }

  #pass(session: RelayedSession, direction: Direction, frame: WsFrame): void {
    if (frame.opcode !== BINARY) return session.forward(direction, frame);
    const seen = session.seen[direction];
    const index = seen.push(frame.payload) - 1;
    const passing = { session, direction, index, payload: frame.payload };
    for (const payload of this.conduct(passing)) session.inject(direction, payload);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Passes everything on. */
export function honest({ payload }: Passing): readonly Uint8Array[] {
  return [payload];
}
