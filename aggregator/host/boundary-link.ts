import { once } from 'node:events';
import type { Socket } from 'node:net';
import { BoundaryReader } from '#boundary/frame.ts';
import { encodeFromHost, type FromHost } from '#boundary/from-host.ts';
import { decodeToHost, type ToHost } from '#boundary/to-host.ts';
import { connectTo, type Endpoint } from './endpoint.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';

/** What the host does with what the enclave says. */
export interface BoundaryReceiver {
  /** A message; the next one is read when this has settled. Resolves to a reason to hang up, if there is one. */
  receive(message: ToHost): Promise<string | undefined>;
  /** The connection is gone; whatever belonged to it is void. */
  disconnected(): Promise<void>;
}

/**
 * The host's end of the boundary: connects to the enclave, again and again with growing waits, takes its messages one
 * at a time and sends ours. Reading stops while a message is dealt with, so a fast enclave waits for a slow queue.
 */
export class BoundaryLink {
  readonly #endpoint: Endpoint;
  readonly #receiver: BoundaryReceiver;
  readonly #log: Log;
  #socket: Socket | undefined;
  #running: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(endpoint: Endpoint, receiver: BoundaryReceiver, log: Log) {
    this.#endpoint = endpoint;
    this.#receiver = receiver;
    this.#log = log;
  }

  /** Starts connecting. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Whether a connection stands. */
  get connected(): boolean {
    return this.#socket !== undefined;
  }

  /** Sends `message` and waits for room for the next one. False when there is no connection, or no more. */
  async send(message: FromHost): Promise<boolean> {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return false;
    if (socket.write(encodeFromHost(message))) return true;
    const closed = new AbortController();
    const close = () => closed.abort();
    socket.once('close', close);
    try {
      await once(socket, 'drain', { signal: closed.signal });
      return true;
    } catch {
      // Aborted: the connection closed before its buffer drained.
      return false;
    } finally {
      socket.off('close', close);
    }
  }

  /** Hangs up and stops connecting. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#socket?.destroy();
    await this.#running;
  }

  async #run(): Promise<void> {
    let waitMs: number = HOST_LIMITS.reconnectFirstMs;
    while (!this.#stop.signal.aborted) {
      const heard = await this.#converse();
      if (heard) waitMs = HOST_LIMITS.reconnectFirstMs;
      await pause(waitMs, this.#stop.signal);
      waitMs = Math.min(waitMs * 2, HOST_LIMITS.reconnectLastMs);
    }
  }

  /** One connection from beginning to end; resolves to whether the enclave said anything. */
  async #converse(): Promise<boolean> {
    const socket = connectTo(this.#endpoint);
    const abort = () => socket.destroy();
    this.#stop.signal.addEventListener('abort', abort);
    const reader = new BoundaryReader(decodeToHost);
    let heard = false;
    try {
      await once(socket, 'connect');
      this.#socket = socket;
      for await (const bytes of socket) {
        heard = true;
        const { messages, broken } = reader.push(bytes);
        const reason = (await this.#deliver(messages)) ?? broken;
        if (reason === undefined) continue;
        this.#log.error({ event: 'boundary-broken', reason }, 'the enclave broke the boundary protocol');
        break;
      }
    } catch (error) {
      this.#log.debug({ event: 'boundary-connection', error: error instanceof Error ? error.message : 'unknown' });
    } finally {
      this.#stop.signal.removeEventListener('abort', abort);
      socket.destroy();
    }
    if (this.#socket === socket) {
      this.#socket = undefined;
      await this.#receiver.disconnected();
    }
    return heard;
  }

  async #deliver(messages: readonly ToHost[]): Promise<string | undefined> {
    for (const message of messages) {
      const reason = await this.#receiver.receive(message);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
}

/** Resolves after `waitMs`, or when `signal` is aborted. */
async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
