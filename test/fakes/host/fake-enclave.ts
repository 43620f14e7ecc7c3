import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { BoundaryReader } from '#boundary/frame.ts';
import { decodeFromHost, type FromHost } from '#boundary/from-host.ts';
import { encodeToHost, type ToHost } from '#boundary/to-host.ts';
import type { MadeRelease } from './files.ts';

type Named<N extends FromHost['name']> = Extract<FromHost, { readonly name: N }>;

/** An enclave as the host sees it: listens on a unix socket, says `ready`, and otherwise what a test tells it to. */
export class FakeEnclave {
  readonly path: string;
  readonly received: FromHost[] = [];
  readonly #server: Server;
  readonly #instance: Uint8Array;
  #socket: Socket | undefined;
  #arrived: PromiseWithResolvers<void> = Promise.withResolvers();
  #transfer = 0;
  /** Called for each message; answers are sent with `send`. */
  react: (message: FromHost) => void = () => {};

  private constructor(path: string, instance: Uint8Array) {
    this.path = path;
    this.#instance = instance;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** An enclave that listens on `path`. `instance` is 32 bytes. */
  static async listen(path: string, instance: Uint8Array = new Uint8Array(32).fill(7)): Promise<FakeEnclave> {
    const enclave = new FakeEnclave(path, instance);
    enclave.#server.listen(path);
    await once(enclave.#server, 'listening');
    return enclave;
  }

  send(message: ToHost): void {
    this.sendBytes(encodeToHost(message));
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.#socket === undefined) throw new Error('no host is connected');
    this.#socket.write(bytes);
  }

  /** The `count`-th message of this name, as soon as it is there. */
  async message<N extends FromHost['name']>(name: N, count = 1): Promise<Named<N>> {
    for (;;) {
      const found = this.received.filter((message): message is Named<N> => message.name === name).at(count - 1);
      if (found !== undefined) return found;
      await this.#arrived.promise;
    }
  }

  /** Waits until a host is connected. */
  async connected(): Promise<void> {
    while (this.#socket === undefined) await this.#arrived.promise;
  }

  /** Cuts the present connection. */
  hangUp(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** Sends a release as an enclave does, in pieces of `pieceBytes`. */
  publish(made: MadeRelease, pieceBytes = 1024 * 1024): void {
    this.#transfer += 1;
    const transfer = this.#transfer;
    const { manifestDigest, round, payload, statement, release } = made;
    this.send({ name: 'release-begin', body: { manifestDigest, round, transfer, bytes: payload.length } });
    for (let offset = 0; offset < payload.length; offset += pieceBytes) {
      const bytes = payload.subarray(offset, offset + pieceBytes);
      this.send({ name: 'release-chunk', body: { transfer, offset, bytes } });
    }
    this.send({ name: 'release-end', body: { transfer, statement, release } });
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.hangUp();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#socket = socket;
    const reader = new BoundaryReader(decodeFromHost);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#arrive();
    });
    socket.on('data', (bytes) => {
      for (const message of reader.push(bytes).messages) {
        this.received.push(message);
        this.react(message);
      }
      this.#arrive();
    });
    this.send({ name: 'ready', body: { instance: this.#instance, backend: 'wasm', platform: 'fake' } });
    this.#arrive();
  }

  #arrive(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }
}
