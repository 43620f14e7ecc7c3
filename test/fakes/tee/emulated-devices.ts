import type { AttesterPorts } from '#enclave/attester/driver.ts';
import type { DeviceFile, DeviceFiles } from '#enclave/attester/transport/device-files.ts';
import type { HttpRequest } from '#enclave/attester/transport/http.ts';
import type { ToolFolder } from '#enclave/attester/transport/tools.ts';
import type { Kernel, Mount } from '#infra/emulator/kernel/kernel.ts';
import { kernelWith } from '#infra/emulator/kernel/kernel.ts';
import { fromBase64, toBase64 } from '#shared/bytes/base64.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { FaultCode } from '#shared/fault/codes.ts';
import { Fault } from '#shared/fault/fault.ts';

/** A system call that a test sees before the emulated kernel does; it may throw what a kernel would. */
export type Watch = (call: 'open' | 'mkdir' | 'rmdir' | 'stat' | 'read' | 'write' | 'close', path: string) => void;

/** Files of an emulated kernel: pages, partial reads, values that count when a file is closed. */
export function emulatedFiles(mounts: readonly Mount[], watch: Watch = () => undefined): DeviceFiles {
  const kernel = kernelWith(mounts);
  const onPath = async (call: 'mkdir' | 'rmdir' | 'stat', path: string): Promise<void> => {
    watch(call, path);
    await kernel({ call, path });
  };
  return {
    mkdir: (path) => onPath('mkdir', path),
    rmdir: (path) => onPath('rmdir', path),
    access: (path) => onPath('stat', path),
    async open(path, mode) {
      watch('open', path);
      const file = await kernel({ call: 'open', path, mode });
      return openedFile(kernel, Number(file), (call) => watch(call, path));
    },
  };
}

function openedFile(kernel: Kernel, file: number, watch: (call: 'read' | 'write' | 'close') => void): DeviceFile {
  return {
    async read(into) {
      watch('read');
      const bytes = fromBase64(String(await kernel({ call: 'read', file, bytes: into.length }))) ?? new Uint8Array(0);
      into.set(bytes);
      return bytes.length;
    },
    async write(bytes) {
      watch('write');
      return Number(await kernel({ call: 'write', file, base64: toBase64(bytes) }));
    },
    async close() {
      watch('close');
      await kernel({ call: 'close', file });
    },
  };
}

/** Timers of which the short ones fire at once, and the long ones when a test says so. */
export class EagerTimers {
  /** What was waited for, ms each. */
  readonly waitedMs: number[] = [];
  readonly #long = new Set<() => void>();

  after(delayMs: number, action: () => void): () => void {
    if (delayMs > 10_000) {
      this.#long.add(action);
      return () => this.#long.delete(action);
    }
    this.waitedMs.push(delayMs);
    setImmediate(action);
    return () => undefined;
  }

  /** How many long waits have not ended. */
  get pending(): number {
    return this.#long.size;
  }

  fireLong(): void {
    for (const action of this.#long) action();
  }
}

/** What an emulated program leaves behind, by file; throws where it fails. */
export type Program = (
  args: readonly string[],
  files: Map<string, Uint8Array>,
  environment: Readonly<Record<string, string>>,
) => void;

/** Folders for emulated programs. */
export class EmulatedTools {
  readonly programs: Record<string, Program>;
  /** Command lines, in their order. */
  readonly ran: string[] = [];
  /** Folders that were made and not removed. */
  folders = 0;

  constructor(programs: Readonly<Record<string, Program>> = {}) {
    this.programs = { ...programs };
  }

  readonly open = async (environment: Readonly<Record<string, string>>): Promise<ToolFolder> => {
    const files = new Map<string, Uint8Array>();
    this.folders += 1;
    return {
      run: async (program, ...args) => {
        this.ran.push([program, ...args].join(' '));
        const emulated = this.programs[program];
        if (emulated === undefined) throw Object.assign(new Error(`no ${program}`), { code: 'ENOENT' });
        emulated(args, files, environment);
      },
      write: async (name, bytes) => void files.set(name, bytes),
      read: async (name, bytesMax) => {
        const bytes = files.get(name);
        if (bytes === undefined) throw Object.assign(new Error(`no ${name}`), { code: 'ENOENT' });
        if (bytes.length > bytesMax) throw new Error(`${name} is longer than ${bytesMax}`);
        return bytes;
      },
      remove: async () => {
        this.folders -= 1;
      },
    };
  };
}

/** Ports of which a test names those that its device has; the others have nothing behind them. */
export function emulatedPorts(ports: Partial<AttesterPorts>): AttesterPorts {
  return {
    files: emulatedFiles([]),
    tools: new EmulatedTools().open,
    send: async ({ url }: HttpRequest) => {
      throw new Error(`nobody serves ${url}`);
    },
    exchange: async ({ socketPath }) => {
      throw new Error(`nobody serves ${socketPath}`);
    },
    crypto: nodeCrypto,
    clock: new EagerTimers(),
    ...ports,
  };
}

/** Awaits a failure of an attester; gives its message. */
export function attesterFailure(work: Promise<unknown>): Promise<string> {
  return messageOf('ATTESTER_FAILED', work);
}

/** Awaits that there is no such device here; gives the message. */
export function attesterMissing(work: Promise<unknown>): Promise<string> {
  return messageOf('ATTESTER_MISSING', work);
}

async function messageOf(code: FaultCode, work: Promise<unknown>): Promise<string> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Fault && outcome.code === code) return outcome.message;
  throw new Error(`expected ${code}`, { cause: outcome });
}
