import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HOST_FLAGS } from '#infra/runtime.ts';
import { Fault } from '#shared/fault/fault.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const STOP_GRACE_MS = 8_000;
const TAIL_LINES = 12;

/** A child process of the demo. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves with its exit code; a signal counts as 128. */
  readonly exited: Promise<number>;
  /** Asks it to end, and ends it after a grace. */
  stop(): Promise<void>;
  /** The last lines that it wrote to stderr, for an explanation. */
  tail(): string;
}

/** How a child is run. `line` hears each line of its stdout. */
export interface ChildOptions {
  readonly name: string;
  /** Script and arguments, relative to the checkout. */
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly line?: (line: string) => void;
}

/** All children of the demo, so that none outlives it. */
export class Children {
  readonly #running = new Set<Child>();
  readonly #logFolder: string;

  /** What children write goes to `logFolder`, a file each. */
  constructor(logFolder: string) {
    this.#logFolder = logFolder;
  }

  /** Starts a script of the checkout under the Node that runs the demo. */
  start(options: ChildOptions): Child {
    const child = spawn(process.execPath, [...HOST_FLAGS, ...options.args], {
      cwd: ROOT,
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(join(this.#logFolder, `${options.name.replaceAll(' ', '-')}.log`), { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    child.once('close', () => log.end());
    const tail = collectTail(child);
    if (child.stdout !== null && options.line !== undefined) createInterface(child.stdout).on('line', options.line);
    const exited = new Promise<number>((resolve) => {
      child.once('error', () => resolve(127));
      child.once('close', (code) => resolve(code ?? 128));
    });
    const started: Child = {
      name: options.name,
      pid: child.pid ?? 0,
      exited,
      stop: () => end(child, exited),
      tail: () => tail.join('\n'),
    };
    this.#running.add(started);
    void exited.then(() => this.#running.delete(started));
    return started;
  }

  /** Runs a script to its end. Throws when it does not end well. */
  async run(options: ChildOptions): Promise<readonly string[]> {
    const lines: string[] = [];
    const child = this.start({ ...options, line: (line) => lines.push(line) });
    await succeeded(child);
    return lines;
  }

  /** Ends whatever still runs, the youngest first: hospitals before the host, the host before the enclave. */
  async stopAll(): Promise<void> {
    for (const child of [...this.#running].toReversed()) await child.stop();
  }
}

/** Resolves when `child` has ended well; throws with its last words otherwise. */
export async function succeeded(child: Child): Promise<void> {
  const code = await child.exited;
  if (code !== 0) throw new Fault('TRAINER_FAILED', `${child.name} ended with code ${code}:\n${child.tail()}`);
}

async function end(child: ChildProcess, exited: Promise<number>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await exited;
  clearTimeout(timer);
}

function collectTail(child: ChildProcess): string[] {
  const tail: string[] = [];
  if (child.stderr === null) return tail;
  createInterface(child.stderr).on('line', (line) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
  });
  return tail;
}
