import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { giveBack } from '#shared/bytes/give-back.ts';
import { connectTo, type Endpoint } from './endpoint.ts';
import type { Counters } from './health.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';

/** The one path that is relayed. */
export const RELAY_PATH = '/v1/enclave';

/**
 * Carries WebSocket connections to the enclave, byte by byte. The upgrade request goes through as it came; from then
 * on the two sockets are piped into each other, each waiting for the other. The relay counts bytes and looks at none.
 */
export class Relay {
  readonly #enclave: Endpoint;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #open = new Set<Duplex>();
  readonly #connectionsMax: number;

  constructor(
    enclave: Endpoint,
    counters: Counters,
    { log, connectionsMax = HOST_LIMITS.relayConnectionsMax }: { readonly log: Log; readonly connectionsMax?: number },
  ) {
    this.#enclave = enclave;
    this.#counters = counters;
    this.#log = log;
    this.#connectionsMax = connectionsMax;
  }

  /** Takes over the socket of an HTTP `upgrade`; `head` are bytes that came right behind the request. */
  accept(request: IncomingMessage, client: Duplex, head: Buffer): void {
    client.on('error', () => client.destroy());
    if (URL.parse(request.url ?? '/', 'http://host')?.pathname !== RELAY_PATH) {
      this.#turnAway(client, '404 Not Found');
    } else if (this.#counters.relayOpen >= this.#connectionsMax) {
      this.#turnAway(client, '503 Service Unavailable');
    } else {
      this.#connect(client, Buffer.concat([requestBytes(request), head]));
    }
  }

  /** Ends every connection. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #connect(client: Duplex, first: Buffer): void {
    const enclave = connectTo(this.#enclave);
    this.#counters.relayOpen += 1;
    this.#open.add(client).add(enclave);
    const timer = setTimeout(() => enclave.destroy(new Error('connection timed out')), HOST_LIMITS.relayConnectMs);
    enclave.once('connect', () => {
      clearTimeout(timer);
      this.#counters.relayAccepted += 1;
      enclave.write(first);
      carry(client, enclave);
      carry(enclave, client);
    });
    enclave.on('error', (error) => {
      this.#log.debug({ event: 'relay-enclave', error: error.message });
      if (enclave.bytesRead === 0 && enclave.bytesWritten === 0) this.#turnAway(client, '502 Bad Gateway');
      else client.destroy();
    });
    client.once('close', () => enclave.destroySoon());
    enclave.once('close', () => {
      clearTimeout(timer);
      this.#open.delete(enclave);
      this.#counters.relayOpen -= 1;
      this.#counters.relayBytesToEnclave += enclave.bytesWritten;
      this.#counters.relayBytesFromEnclave += enclave.bytesRead;
      // What is under way still leaves; a client that never closes must not keep its place.
      client.end(() => client.destroy());
    });
    client.once('close', () => this.#open.delete(client));
  }

  #turnAway(client: Duplex, status: string): void {
    this.#counters.relayRefused += 1;
    client.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => client.destroy());
  }
}

/**
 * Pipes `from` into `to` and ends it at the end. Unlike `pipe` it frees each piece as soon as it has left: pieces that
 * wait for the collector cost more than everything else a relay does.
 */
function carry(from: Duplex, to: Duplex): void {
  from.on('data', (piece: Buffer) => {
    if (!to.write(piece, () => giveBack(piece))) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
}

/** The request as it came: Node has parsed it, so no name or value holds a line break. */
function requestBytes(request: IncomingMessage): Buffer {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
