import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { createConnection } from 'node:net';
import { constants } from 'node:os';

/**
 * The part of an emulated kernel that has to be inside the enclave's process: Node is started with
 * `--import FILE_URL?socket=PATH&root=/sys/kernel/config/tsm/report`, and `node:fs/promises` then finds pseudo files below
 * each `root` at the emulator (`server.ts`). Every other path passes through.
 *
 * It stands for a kernel, so it is no part of the measured bundle. It needs no package and no other file, and works
 * under Node's permission model, which governs real files only.
 */
const { searchParams } = new URL(import.meta.url);
const socketPath = searchParams.get('socket') ?? '';
const roots = searchParams.getAll('root');
const READ_BYTES = 16 * 1024;

type Flags = string | number | undefined;
type Encoding = BufferEncoding | { readonly encoding?: BufferEncoding | null } | null | undefined;
type Content = string | Uint8Array;
type Reply = { readonly value: unknown } | { readonly error: keyof typeof constants.errno };
interface ReadOptions {
  readonly buffer?: Uint8Array;
  readonly offset?: number | null | undefined;
  readonly length?: number | null | undefined;
  readonly position?: number | bigint | null | undefined;
}

/** One system call. Rejects in the words of Node where the emulator answers with an error. */
async function ask(request: { readonly call: string; readonly [field: string]: unknown }): Promise<unknown> {
  const socket = createConnection({ path: socketPath });
  socket.end(JSON.stringify(request));
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
  const reply: Reply = JSON.parse(text);
  if ('value' in reply) return reply.value;
  const { error: code } = reply;
  const { call: syscall, path } = request;
  const words = `${code}: emulated, ${syscall}${typeof path === 'string' ? ` '${path}'` : ''}`;
  throw Object.assign(new Error(words), { code, errno: -constants.errno[code], syscall, path });
}

/** Stand-in for a `FileHandle`: what a reader or writer of pseudo files needs of one. */
async function openPseudo(path: string, flags?: Flags) {
  const file = await ask({ call: 'open', path, mode: isWriting(flags) ? 'write' : 'read' });

  // The three forms of Node: (buffer, offset, length, position), (buffer, options) and (options).
  async function read(
    first: Uint8Array | ReadOptions = {},
    second?: number | null | ReadOptions,
    third?: number | null,
    fourth?: number | bigint | null,
  ) {
    const spread: ReadOptions =
      typeof second === 'object' && second !== null ? second : { offset: second, length: third, position: fourth };
    const { buffer, offset, length, position } =
      first instanceof Uint8Array ? { ...spread, buffer: first } : { buffer: Buffer.alloc(READ_BYTES), ...first };
    const from = offset ?? 0;
    const at = typeof position === 'number' && position >= 0 ? { position } : {};
    const base64 = await ask({ call: 'read', file, bytes: length ?? buffer.length - from, ...at });
    const piece = Buffer.from(String(base64), 'base64');
    buffer.set(piece, from);
    return { bytesRead: piece.length, buffer };
  }

  async function readFile(encoding?: Encoding) {
    const pieces: Uint8Array[] = [];
    for (;;) {
      const { bytesRead, buffer } = await read();
      if (bytesRead === 0) return encoded(Buffer.concat(pieces), encoding);
      pieces.push(buffer.slice(0, bytesRead));
    }
  }

  async function write(content: Content, offset?: unknown, length?: unknown) {
    const all = Buffer.from(content);
    const from = typeof content === 'string' || typeof offset !== 'number' ? 0 : offset;
    const piece = all.subarray(from, typeof length === 'number' ? from + length : all.length);
    const bytesWritten = await ask({ call: 'write', file, base64: piece.toString('base64') });
    return { bytesWritten: Number(bytesWritten), buffer: content };
  }

  const writeFile = async (content: Content) => void (await write(content));
  const close = async () => void (await ask({ call: 'close', file }));
  return { read, readFile, write, writeFile, close, stat: () => statPseudo(path), [Symbol.asyncDispose]: close };
}

function isWriting(flags: Flags): boolean {
  const { O_RDWR, O_WRONLY } = promises.constants;
  return typeof flags === 'number' ? (flags & (O_RDWR | O_WRONLY)) !== 0 : flags !== undefined && !/^rs?$/.test(flags);
}

function encoded(bytes: Buffer, encoding: Encoding): Buffer | string {
  const name = typeof encoding === 'string' ? encoding : encoding?.encoding;
  return name === undefined || name === null ? bytes : bytes.toString(name);
}

async function statPseudo(path: string) {
  const isDirectory = (await ask({ call: 'stat', path })) === 'directory';
  return { size: isDirectory ? 0 : 4096, isDirectory: () => isDirectory, isFile: () => !isDirectory };
}

const pseudo = {
  open: openPseudo,
  stat: statPseudo,
  lstat: statPseudo,
  access: async (path: string) => void (await statPseudo(path)),
  mkdir: async (path: string) => void (await ask({ call: 'mkdir', path })),
  rmdir: async (path: string) => void (await ask({ call: 'rmdir', path })),
  readdir: (path: string) => ask({ call: 'list', path }),
  async readFile(path: string, encoding?: Encoding) {
    const file = await openPseudo(path);
    return file.readFile(encoding).finally(file.close);
  },
  async writeFile(path: string, content: Content) {
    const file = await openPseudo(path, 'w');
    await file.writeFile(content).finally(file.close);
  },
};

for (const [name, ours] of Object.entries(pseudo)) {
  const real: unknown = Reflect.get(promises, name);
  if (typeof real !== 'function') throw new Error(`node:fs/promises has no ${name}`);
  const either = (path: unknown, ...rest: readonly unknown[]): unknown => {
    const isOurs = typeof path === 'string' && roots.some((root) => path === root || path.startsWith(`${root}/`));
    return Reflect.apply(isOurs ? ours : real, promises, [path, ...rest]);
  };
  Reflect.set(promises, name, either);
}
// Named imports of the enclave see the replacements too.
syncBuiltinESMExports();
