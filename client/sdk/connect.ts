import { WebSocket } from 'ws';
import { Fault } from '#shared/fault/fault.ts';
import { LIMITS, SUBPROTOCOL } from '#shared/protocol/limits.ts';
import { beforeDeadline, type Clock } from './clock.ts';
import type { Connect, Transport } from './transport.ts';

/** Bounds of one connection. */
export const CONNECTION = {
  openDeadlineMs: 15_000,
  sendDeadlineMs: 60_000,
  /** A ping after this long without a message; the third that goes unanswered ends the connection. */
  silenceMs: 15_000,
  pingsUnansweredMax: 3,
  /** Bytes that may wait in this process to be sent: four of the largest chunks. */
  bufferedBytesMax: 4 * LIMITS.chunkBytesMax,
  /** Messages that may wait to be taken before the socket is paused. */
  waitingMax: 64,
  /** Longest message that an enclave sends: attest and sealed frames; chunks travel the other way only. */
  incomingBytesMax: Math.max(LIMITS.attestBytesMax, LIMITS.sealedBytesMax),
} as const;

/**
 * Connects to an enclave through the host's relay.
 * @param url `ws://…/v1/enclave` or `wss://…`; TLS is the host's affair and protects nothing that matters
 */
export function webSocketConnect(url: string, clock: Clock): Connect {
  return async (signal) => {
    const socket = new WebSocket(url, SUBPROTOCOL, {
      perMessageDeflate: false,
      maxPayload: CONNECTION.incomingBytesMax,
      followRedirects: false,
      // RFC 6455 masks to keep scripts from writing chosen bytes to a proxy; everything here is ciphertext, and a
      // zero mask spares a pass over every chunk.
      generateMask: (mask) => {
        mask.fill(0);
      },
    });
    const transport = new WebSocketTransport(socket, clock);
    const abandon = (): void => socket.terminate();
    signal.addEventListener('abort', abandon, { once: true });
    try {
      await beforeDeadline(clock, CONNECTION.openDeadlineMs, `WebSocket from ${url}`, transport.opened);
      return transport;
    } catch (cause) {
      socket.terminate();
      throw cause;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  };
}

class WebSocketTransport implements Transport {
  readonly opened: Promise<void>;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #waiting: Uint8Array[] = [];
  #ended: Fault | undefined;
  #wake: (() => void)[] = [];
  #heard = true;
  #pingsUnanswered = 0;
  #cancelTick: () => void = () => undefined;

  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.binaryType = 'nodebuffer';
    this.opened = new Promise((resolve, reject) => {
      let isOpen = false;
      socket.once('open', () => {
        isOpen = true;
        this.#armTick();
        resolve();
      });
      // `error` is always followed by `close`: the reason is kept here, the end is told there.
      let cause: unknown;
      socket.on('error', (error) => {
        cause = error;
      });
      socket.once('close', (code) => {
        const message = isOpen
          ? `the connection ended (WebSocket code ${code})`
          : `no connection to ${socket.url}; is the address right, and does the host run there?`;
        this.#end(new Fault('CONNECTION_LOST', message, { cause }));
        reject(this.#ended);
      });
    });
    socket.on('message', (data, isBinary) => this.#arrived(data, isBinary));
    socket.on('pong', () => {
      this.#heard = true;
    });
  }

  #arrived(data: unknown, isBinary: boolean): void {
    this.#heard = true;
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.#end(new Fault('CONNECTION_LOST', 'a text message arrived; this protocol has binary ones only'));
      this.#socket.terminate();
      return;
    }
    // A plain view: a Buffer would change what slicing and comparing mean further up.
    this.#waiting.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    if (this.#waiting.length >= CONNECTION.waitingMax) this.#socket.pause();
    this.#notify();
  }

  #end(fault: Fault): void {
    this.#ended ??= fault;
    this.#cancelTick();
    this.#notify();
  }

  #notify(): void {
    const woken = this.#wake;
    this.#wake = [];
    for (const wake of woken) wake();
  }

  #armTick(): void {
    this.#cancelTick = this.#clock.after(CONNECTION.silenceMs, () => this.#tick());
  }

  /** Counts ticks, not time: a process that was busy for minutes is late by one tick and so keeps its connection. */
  #tick(): void {
    if (this.#heard || this.#socket.isPaused) this.#pingsUnanswered = 0;
    this.#heard = false;
    if (this.#pingsUnanswered >= CONNECTION.pingsUnansweredMax) {
      this.#end(new Fault('CONNECTION_LOST', `no answer to ${this.#pingsUnanswered} pings; the connection is dead`));
      this.#socket.terminate();
      return;
    }
    this.#pingsUnanswered += 1;
    this.#socket.ping();
    this.#armTick();
  }

  async send(message: Uint8Array, left?: () => void): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    this.#socket.send(message, { binary: true }, () => {
      left?.();
      this.#notify();
    });
    const room = this.#roomToSend();
    if (room !== undefined) await beforeDeadline(this.#clock, CONNECTION.sendDeadlineMs, 'room to send', room);
  }

  #roomToSend(): Promise<void> | undefined {
    if (this.#socket.bufferedAmount <= CONNECTION.bufferedBytesMax) return undefined;
    return (async () => {
      while (this.#socket.bufferedAmount > CONNECTION.bufferedBytesMax) {
        if (this.#ended !== undefined) throw this.#ended;
        await this.#notified();
      }
    })();
  }

  #notified(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
    });
  }

  poll(): Uint8Array | undefined {
    const message = this.#waiting.shift();
    if (message === undefined && this.#ended !== undefined) throw this.#ended;
    if (this.#socket.isPaused && this.#waiting.length < CONNECTION.waitingMax / 2) this.#socket.resume();
    return message;
  }

  async readable(): Promise<void> {
    while (this.#waiting.length === 0 && this.#ended === undefined) await this.#notified();
  }

  close(): void {
    this.#cancelTick();
    this.#socket.close(1000);
    // A peer that never answers the close must not keep this process alive.
    const cancel = this.#clock.after(CONNECTION.openDeadlineMs, () => this.#socket.terminate());
    this.#socket.once('close', cancel);
  }
}
