import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toBase64 } from '#shared/bytes/base64.ts';
import { listenOn } from '../socket.ts';

/** A call of a program. */
export interface ToolCall {
  readonly program: string;
  readonly args: readonly string[];
  /** Its working folder. */
  readonly folder: string;
}

/** How a program ended. */
export interface ToolOutcome {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** Programs in a folder that ask the emulator. */
export interface ToolServer {
  readonly socketPath: string;
  /** Folder for the enclave's `PATH`. */
  readonly programs: string;
  close(): Promise<void>;
}

const TOOL = fileURLToPath(new URL('./tool.ts', import.meta.url));
const CALL_CHARACTERS_MAX = 64 * 1024;

/** Puts a program of each of `names` into a folder below `runFolder`; `perform` does what they are called for. */
export async function serveTools(
  names: readonly string[],
  runFolder: string,
  perform: (call: ToolCall) => Promise<ToolOutcome>,
): Promise<ToolServer> {
  const [programs, socketPath] = [join(runFolder, 'bin'), join(runFolder, 'vtpm.sock')];
  await mkdir(programs, { mode: 0o700 });
  for (const name of names) {
    const path = join(programs, name);
    await writeFile(path, wrapper(name, socketPath));
    await chmod(path, 0o500);
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // A program that was ended early is no event for a TPM.
    socket.on('error', () => socket.destroy());
    answer(socket, perform).catch(() => socket.destroy());
  });
  return { socketPath, programs, close: await listenOn(server, socketPath) };
}

/** Node hands its permissions down to programs by NODE_OPTIONS; a TPM's tools are not bound by those of an enclave. */
function wrapper(name: string, socketPath: string): string {
  const words = [process.execPath, TOOL, socketPath, name].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return `#!/bin/sh\nNODE_OPTIONS= exec ${words.join(' ')} "$@"\n`;
}

async function answer(socket: Socket, perform: (call: ToolCall) => Promise<ToolOutcome>): Promise<void> {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > CALL_CHARACTERS_MAX) throw new Error('no call is that long');
  }
  const call: ToolCall = JSON.parse(text);
  const { code, stdout, stderr } = await perform(call);
  socket.end(JSON.stringify({ code, stdoutBase64: toBase64(stdout), stderr }));
}
