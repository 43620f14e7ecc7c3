import { createServer, type Server, type Socket } from 'node:net';
import { concat, u32be } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { NsmDevice } from './nsm-device.ts';

/** Bytes of one request; the same bound as that of the enclave's adapter and of the relay on hardware. */
export const REQUEST_BYTES_MAX = 4 * 1024;
const LENGTH_BYTES = 4;
const CONNECTIONS_MAX = 32;
const IDLE_MS = 30_000;
/** What fits into `sockaddr_un` on Linux, without its final zero byte. */
const SOCKET_PATH_BYTES_MAX = 107;

/** A device served on a unix socket. */
export interface NsmServer {
  readonly socketPath: string;
  /** Ends every connection and removes the socket. */
  close(): Promise<void>;
}

/** Serves `device` on `socketPath`: requests and answers each behind their u32 big-endian length. */
export async function serveNsm(device: NsmDevice, socketPath: string): Promise<NsmServer> {
  if (Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX) {
    throw new Fault(
      'CONFIG_INVALID',
      `socket path longer than ${SOCKET_PATH_BYTES_MAX} bytes: ${socketPath}; use a shorter one`,
    );
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A peer that vanishes is no event for the device; its 'close' follows.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    serveConnection(device, socket).then(
      () => socket.end(),
      () => socket.destroy(),
    );
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listening(server, socketPath);
  return {
    socketPath,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Answers the requests of one connection in turn; ends at the first that breaks the framing. */
async function serveConnection(device: NsmDevice, socket: Socket): Promise<void> {
  let received: Uint8Array = new Uint8Array(0);
  for await (const chunk of socket) {
    received = concat(received, chunk);
    while (received.length >= LENGTH_BYTES) {
      const length = new DataView(received.buffer, received.byteOffset).getUint32(0);
      if (length === 0 || length > REQUEST_BYTES_MAX) return;
      if (received.length < LENGTH_BYTES + length) break;
      const answer = await device.answer(received.slice(LENGTH_BYTES, LENGTH_BYTES + length));
      received = received.slice(LENGTH_BYTES + length);
      socket.write(concat(u32be(answer.length), answer));
    }
  }
}

function listening(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
