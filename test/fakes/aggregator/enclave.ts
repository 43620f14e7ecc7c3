import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { BoundaryReader } from '#boundary/frame.ts';
import { encodeFromHost, type FromHost } from '#boundary/from-host.ts';
import { decodeToHost, type ToHost } from '#boundary/to-host.ts';
import { launchEmulated } from '#infra/emulator/launch.ts';
import { buildEnclaveBundle } from '#scripts/bundle.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { type CommandName, type StudyCommand, sealCommand } from '#shared/study/command.ts';
import type { TestStudy } from './study.ts';

/** A release as it left the enclave. */
export interface PublishedRelease {
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly payload: Uint8Array;
  readonly statement: Uint8Array;
  readonly release: Uint8Array;
}

/** What tests need of an enclave that runs, wherever it does. */
export interface RunningEnclave {
  readonly pcr0: string;
  readonly rootSha256: string;
  readonly process: { stop(): Promise<void> };
}

type Body<N extends ToHost['name']> = Extract<ToHost, { name: N }>['body'];

interface Transfer {
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly pieces: Uint8Array[];
}

let bundle: Promise<string> | undefined;

/** The real bundle, built once for all suites of this process. */
export function builtBundle(): Promise<string> {
  bundle ??= buildEnclaveBundle(join(tmpdir(), `cloister-test-enclave-${process.pid}.mjs`)).then(({ path }) => path);
  return bundle;
}

/**
 * The real enclave bundle on the emulated device, with this test in the place of the host: it speaks the boundary,
 * sees everything that leaves, and can be as hostile as it likes.
 */
export class EnclaveUnderTest {
  readonly folder: string;
  readonly socketPath: string;
  readonly enclave: RunningEnclave;
  readonly messages: ToHost[] = [];
  readonly releases: PublishedRelease[] = [];
  /** Bytes that crossed the boundary, as they were. */
  readonly crossed: Uint8Array[] = [];
  /** Whether releases are acknowledged as stored, as an honest host does. */
  acknowledge = true;
  #socket: Socket;
  #transfers = new Map<number, Transfer>();
  #waiting: (() => void)[] = [];
  #commands = 0;

  constructor(folder: string, enclave: RunningEnclave, socket: Socket) {
    this.folder = folder;
    this.socketPath = join(folder, 'enclave.sock');
    this.enclave = enclave;
    this.#socket = socket;
    this.#listen(socket);
  }

  static async start(args: readonly string[] = []): Promise<EnclaveUnderTest> {
    const bundlePath = await builtBundle();
    const folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    const boundary = join(folder, 'boundary.sock');
    const stdout = new PassThrough();
    const enclave = await launchEmulated({
      bundlePath,
      folder: join(folder, 'emulator'),
      args: ({ flags }) => ['--listen', join(folder, 'enclave.sock'), '--boundary', boundary, ...flags, ...args],
      stdio: { stdout, stderr: process.stderr },
    });
    const ended = enclave.process.exited.then(({ code }) => {
      throw new Error(`the enclave ended with code ${code}`);
    });
    await Promise.race([once(stdout, 'data'), ended]);
    ended.catch(() => undefined);
    const socket = connect(boundary);
    await once(socket, 'connect');
    return new EnclaveUnderTest(folder, enclave, socket);
  }

  #listen(socket: Socket): void {
    const reader = new BoundaryReader(decodeToHost);
    socket.on('data', (bytes: Buffer) => {
      this.crossed.push(Uint8Array.from(bytes));
      const { messages, broken } = reader.push(bytes);
      if (broken !== undefined) throw new Error(`the enclave broke the boundary: ${broken}`);
      for (const message of messages) this.#take(message);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  #take(message: ToHost): void {
    this.messages.push(message);
    if (message.name === 'release-begin') {
      const { manifestDigest, round, transfer } = message.body;
      if (this.#transfers.has(transfer)) throw new Error(`transfer ${transfer} began twice`);
      this.#transfers.set(transfer, { manifestDigest, round, pieces: [] });
    } else if (message.name === 'release-chunk') {
      this.#transferOf(message.body.transfer).pieces.push(Uint8Array.from(message.body.bytes));
    } else if (message.name === 'release-end') {
      const { transfer, statement, release } = message.body;
      const { manifestDigest, round, pieces } = this.#transferOf(transfer);
      this.#transfers.delete(transfer);
      this.releases.push({
        manifestDigest,
        round,
        payload: Uint8Array.from(Buffer.concat(pieces)),
        statement,
        release,
      });
      if (this.acknowledge) this.send({ name: 'release-stored', body: { release } });
    }
  }

  #transferOf(transfer: number): Transfer {
    const found = this.#transfers.get(transfer);
    if (found === undefined) throw new Error(`transfer ${transfer} never began`);
    return found;
  }

  /** Payload bytes of the transfers that have begun and not ended. */
  unfinished(): readonly Uint8Array[] {
    return [...this.#transfers.values()].map(({ pieces }) => Uint8Array.from(Buffer.concat(pieces)));
  }

  /** Where participants connect. */
  get url(): string {
    return `ws+unix:${this.socketPath}:/`;
  }

  /** Stops reading from the enclave, as a host that is busy or means harm, until `resumeReading`. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  send(message: FromHost): void {
    this.#socket.write(encodeFromHost(message));
  }

  /** Breaks the boundary's connection and makes a new one, as a host that was restarted; `paused`: without reading. */
  async reconnect(paused = false): Promise<void> {
    this.#socket.destroy();
    const socket = connect(join(this.folder, 'boundary.sock'));
    await once(socket, 'connect');
    this.#transfers = new Map();
    this.#socket = socket;
    this.#listen(socket);
    if (paused) socket.pause();
  }

  /** Resolves when `holds` gives something, looking again whenever the enclave has spoken. */
  async until<T>(holds: () => T | undefined): Promise<T> {
    for (;;) {
      const value = holds();
      if (value !== undefined) return value;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The body of the first message of this name, from position `from` on, that `fits`. */
  next<N extends ToHost['name']>(name: N, fits: (body: Body<N>) => boolean = () => true, from = 0): Promise<Body<N>> {
    return this.until(() => {
      for (const message of this.messages.slice(from)) {
        // The name decides the body's type; TypeScript does not narrow through a type parameter.
        if (message.name === name && fits(message.body as Body<N>)) return message.body as Body<N>;
      }
      return undefined;
    });
  }

  /** Offers a study and waits until the enclave serves it. */
  async offer({ envelope, study }: TestStudy): Promise<void> {
    this.send({ name: 'study', body: { envelope, weightsBytes: 0 } });
    await this.next('study-accepted', ({ manifestDigest }) => Buffer.compare(manifestDigest, study.digest) === 0);
  }

  /** An honest command for `study`, with anything changed that a test wants changed. */
  async command(
    { study, coordinator }: TestStudy,
    command: CommandName,
    changes: Partial<StudyCommand> & { readonly secretKey?: Uint8Array } = {},
  ): Promise<Uint8Array> {
    const { instance } = await this.next('ready');
    const { secretKey = coordinator.secretKey, ...fields } = changes;
    const nowMs = Date.now();
    const content: StudyCommand = {
      manifestDigest: study.digest,
      instance,
      command,
      nonce: nodeCrypto.randomBytes(16),
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 60_000,
      ...fields,
    };
    return sealCommand(content, secretKey, nodeCrypto);
  }

  /** Hands a command's envelope in and gives the enclave's answer. */
  async handIn(envelope: Uint8Array, id = `command-${++this.#commands}`): Promise<Body<'command-result'>> {
    this.send({ name: 'command', body: { id, envelope } });
    return this.next('command-result', (body) => body.id === id);
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    await this.enclave.process.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
