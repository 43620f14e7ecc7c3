import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { listenOn } from '../socket.ts';
import { type Kernel, type KernelRequest, kernelWith, type Mount } from './kernel.ts';

/** A kernel's pseudo files on a unix socket. */
export interface KernelServer {
  readonly socketPath: string;
  /** Absolute paths below which its files are. */
  readonly roots: readonly string[];
  close(): Promise<void>;
}

const HOOK = new URL('./hook.ts', import.meta.url);
const REQUEST_CHARACTERS_MAX = 256 * 1024;

/**
 * Serves `mounts` on `socketPath` to a process that runs behind `hook.ts`: a connection for each system call, the call
 * as JSON, then `{"value"}` or `{"error"}`.
 */
export async function serveKernel(mounts: readonly Mount[], socketPath: string): Promise<KernelServer> {
  const kernel = kernelWith(mounts);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // A caller that vanishes is no event for a kernel.
    socket.on('error', () => socket.destroy());
    answer(socket, kernel).catch(() => socket.destroy());
  });
  return { socketPath, roots: mounts.map(({ root }) => root), close: await listenOn(server, socketPath) };
}

/** Flags of Node that put a process behind `hook.ts`, under the permission model too. */
export function preloadFlags({ socketPath, roots }: Pick<KernelServer, 'socketPath' | 'roots'>): readonly string[] {
  const url = new URL(HOOK);
  url.searchParams.set('socket', socketPath);
  for (const root of roots) url.searchParams.append('root', root);
  return [`--allow-fs-read=${fileURLToPath(HOOK)}`, `--import=${url.href}`];
}

async function answer(socket: Socket, kernel: Kernel): Promise<void> {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > REQUEST_CHARACTERS_MAX) throw new Error('no system call is that long');
  }
  const request: KernelRequest = JSON.parse(text);
  socket.end(JSON.stringify(await replyTo(request, kernel)));
}

async function replyTo(request: KernelRequest, kernel: Kernel): Promise<object> {
  try {
    return { value: await kernel(request) };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { error: error.code };
    throw error;
  }
}
