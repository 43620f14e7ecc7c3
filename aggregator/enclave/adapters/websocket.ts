import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { FRAME_BYTES_MAX, SUBPROTOCOL } from '#shared/protocol/limits.ts';
import type { Connection } from '../ports/connection.ts';

/** The receiving end of one connection. */
export interface ConnectionEvents {
  receive(message: Uint8Array): void;
  disconnected(): void;
}

/** Bounds of the participants' door. */
export interface DoorOptions {
  /** Path of a unix socket, or a loopback port, to listen on; the host's relay connects here. */
  readonly listen: string | number;
  readonly connectionsMax: number;
  accept(connection: Connection): ConnectionEvents;
}

/** An open door. */
export interface Door {
  close(): Promise<void>;
}

const HEARTBEAT_MS = 20_000;
const HEADERS_BYTES_MAX = 8 * 1024;

/**
 * Listens for participants. WebSocket ends here, inside the enclave; there is no compression, because the payload is
 * ciphertext, and no message longer than the longest frame.
 */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const http = createServer({ maxHeaderSize: HEADERS_BYTES_MAX }, (_request, response) => {
    response.writeHead(426, { connection: 'close' }).end();
  });
  http.maxConnections = options.connectionsMax;
  const server = new WebSocketServer({
    server: http,
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  server.on('connection', (socket) => welcome(socket, options));
  const heartbeat = beat(server);
  const where =
    typeof options.listen === 'string' ? { path: options.listen } : { port: options.listen, host: '127.0.0.1' };
  http.listen(where);
  await once(http, 'listening');
  return { close: () => shut(http, server, heartbeat) };
}

function welcome(socket: WebSocket, options: DoorOptions): void {
  // Before all else: a socket that is turned away still reads, and an error that nobody listens for ends the process.
  // A broken transport is followed by 'close'; what it was matters to nobody in here.
  socket.on('error', () => socket.terminate());
  if (socket.protocol !== SUBPROTOCOL) {
    socket.close(1002, `expected subprotocol ${SUBPROTOCOL}`);
    return;
  }
  const events = options.accept(connectionOf(socket));
  socket.on('message', (data: RawData, isBinary: boolean) => {
    // A plain view: `slice` of a Buffer would not copy, and whoever keeps 16 bytes would keep the whole frame.
    if (isBinary && data instanceof Buffer) events.receive(new Uint8Array(data.buffer, data.byteOffset, data.length));
    else socket.close(1003, 'expected binary messages');
  });
  socket.on('close', () => events.disconnected());
}

function connectionOf(socket: WebSocket): Connection {
  return {
    send(frame) {
      if (socket.readyState === socket.OPEN) socket.send(frame, { binary: true, compress: false });
    },
    unsentBytes: () => socket.bufferedAmount,
    setReading(on) {
      if (on) socket.resume();
      else socket.pause();
    },
    close() {
      // The peer's own farewell must be read, or the connection stays until a timeout ends it.
      socket.resume();
      socket.close(1000);
    },
  };
}

/** Ends connections that no longer answer; a half-open one would keep its participant's seat. */
function beat(server: WebSocketServer): NodeJS.Timeout {
  const alive = new WeakSet<WebSocket>();
  server.on('connection', (socket) => {
    alive.add(socket);
    socket.on('pong', () => alive.add(socket));
  });
  const timer = setInterval(() => {
    for (const socket of server.clients) {
      if (!alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, HEARTBEAT_MS);
  timer.unref();
  return timer;
}

async function shut(http: Server, server: WebSocketServer, heartbeat: NodeJS.Timeout): Promise<void> {
  clearInterval(heartbeat);
  const closed = once(http, 'close');
  http.close();
  for (const socket of server.clients) socket.terminate();
  server.close();
  await closed;
}
