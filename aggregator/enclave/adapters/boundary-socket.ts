import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { BoundaryReader } from '#boundary/frame.ts';
import { decodeFromHost, type FromHost } from '#boundary/from-host.ts';
import { encodeToHost, type ToHost } from '#boundary/to-host.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import type { HostPort } from '../ports/host.ts';

/** What the enclave does when the host speaks. */
export interface HostEvents {
  /** A host has connected: it must be told everything that matters. */
  connected(): void;
  message(message: FromHost): void;
}

/** The enclave's end of the boundary. */
export interface BoundarySocket extends HostPort {
  close(): Promise<void>;
}

/**
 * Listens for the host on a unix socket, one host at a time: a newer connection replaces the older one. The first
 * malformed byte ends a connection.
 */
export async function openBoundary(path: string, eventsOf: (port: HostPort) => HostEvents): Promise<BoundarySocket> {
  let current: Socket | undefined;
  const port: HostPort = { send: (message) => write(current, message) };
  const events = eventsOf(port);
  const server = createServer((socket) => {
    current?.destroy();
    current = socket;
    const reader = new BoundaryReader(decodeFromHost);
    socket.on('data', (bytes) => {
      const { messages, broken } = reader.push(bytes);
      for (const message of messages) events.message(message);
      if (broken !== undefined) socket.destroy();
    });
    // A broken connection is followed by 'close'; the host connects again.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (current === socket) current = undefined;
    });
    events.connected();
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    ...port,
    async close() {
      current?.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function write(socket: Socket | undefined, message: ToHost): Promise<void> {
  if (socket === undefined || socket.destroyed) return;
  const frame = encodeToHost(message);
  if (socket.write(frame, () => giveBack(frame))) return;
  // Either the buffer drains or the connection ends; both let the sender go on.
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}
