import { createConnection } from 'node:net';

/**
 * Stands for one of tpm2-tools on the emulated vTPM of an Azure confidential VM. The wrapper that the emulator puts on
 * the enclave's path runs `node tool.ts SOCKET PROGRAM ARGUMENTS…`; the emulator does the work, files included.
 */
const [socketPath = '', program = '', ...args] = process.argv.slice(2);

/** What the emulator answers, see `server.ts`. */
interface Outcome {
  readonly code: number;
  readonly stdoutBase64: string;
  readonly stderr: string;
}

const socket = createConnection({ path: socketPath });
socket.end(JSON.stringify({ program, args, folder: process.cwd() }));
let text = '';
for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
const { code, stdoutBase64, stderr }: Outcome = JSON.parse(text);
process.stdout.write(Buffer.from(stdoutBase64, 'base64'));
process.stderr.write(stderr);
process.exitCode = code;
