import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ALLOCATOR, HOST_FLAGS } from '#infra/runtime.ts';

/** A line of JSON from a measured process. */
export type Line = Readonly<Record<string, unknown>>;

/** A measured process, with all the lines it has written. */
export class Measured {
  readonly process: ChildProcess;
  readonly lines: Line[] = [];
  #wake: (() => void)[] = [];
  #ended = false;

  private constructor(child: ChildProcess) {
    this.process = child;
    if (child.stdout !== null) {
      createInterface(child.stdout).on('line', (text) => {
        if (text.startsWith('{')) this.lines.push(JSON.parse(text) as Line);
        this.#stir();
      });
    }
    child.once('close', () => {
      this.#ended = true;
      this.#stir();
    });
  }

  /** Starts a script of the checkout under this Node, with the allocator settings that start scripts give. */
  static start(script: string, args: readonly string[]): Measured {
    const path = join(import.meta.dirname, '..', '..', '..', script);
    const env = { ...process.env, ...ALLOCATOR };
    return new Measured(
      spawn(process.execPath, [...HOST_FLAGS, path, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] }),
    );
  }

  #stir(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Resolves with what `pick` finds in the lines, looking again at each new one. */
  async until<T>(pick: (lines: readonly Line[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = pick(this.lines);
      if (found !== undefined) return found;
      if (this.#ended) throw new Error('a measured process ended before its time');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const closed = new Promise<void>((resolve) => this.process.once('close', () => resolve()));
    this.process.kill('SIGTERM');
    await closed;
  }
}

/** Peak resident memory of a process in MiB (`VmHWM` of Linux). */
export async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no peak memory of process ${pid}`);
  return Number(kib) / 1024;
}
