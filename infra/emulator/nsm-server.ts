import { createServer, type Socket } from 'node:net';
import { concat, u32be } from '#shared/bytes/bytes.ts';
import type { NsmDevice } from './nsm-device.ts';
import { listenOn } from './socket.ts';

/** Bytes of one request; the same bound as that of the enclave's adapter and of the relay on hardware. */
export const REQUEST_BYTES_MAX = 4 * 1024;
const LENGTH_BYTES = 4;
const IDLE_MS = 30_000;

/** A device served on a unix socket. */
export interface NsmServer {
  readonly socketPath: string;
  /** Ends every connection and removes the socket. */
  close(): Promise<void>;
}

/** Serves `device` on `socketPath`: requests and answers each behind their u32 big-endian length. */
export async function serveNsm(device: NsmDevice, socketPath: string): Promise<NsmServer> {
  const server = createServer((socket) => {
    // A peer that vanishes is no event for the device; its 'close' follows.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    serveConnection(device, socket).then(
      () => socket.end(),
      () => socket.destroy(),
    );
  });
  return { socketPath, close: await listenOn(server, socketPath) };
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
