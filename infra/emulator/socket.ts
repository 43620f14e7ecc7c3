import type { Server, Socket } from 'node:net';
import { Fault } from '#shared/fault/fault.ts';

/** What fits into `sockaddr_un` on Linux, without its final zero byte. */
const SOCKET_PATH_BYTES_MAX = 107;
const CONNECTIONS_MAX = 32;

/**
 * Lets `server` (of `node:net` or `node:http`) listen on the unix socket `path`. Gives what closes it: every connection
 * ends and the socket is removed.
 * @throws Fault - CONFIG_INVALID: the path is too long, use a shorter one
 */
export async function listenOn(server: Server, path: string): Promise<() => Promise<void>> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const wanted = `socket path longer than ${SOCKET_PATH_BYTES_MAX} bytes`;
    throw new Fault('CONFIG_INVALID', `${wanted}: ${path}; use a shorter one`);
  }
  return listening(server, { path });
}

/** Lets `server` listen on a free loopback port. Gives that port, and what closes the server. */
export async function listenOnLoopback(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  const close = await listening(server, { host: '127.0.0.1', port: 0 });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, close };
}

async function listening(
  server: Server,
  place: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  server.maxConnections = CONNECTIONS_MAX;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(place, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
}
