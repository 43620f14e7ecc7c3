import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { httpPieces } from '#client/sdk/http.ts';
import { giveBack } from '#shared/bytes/give-back.ts';

/** The baseline's participants: `node clear-participants.ts PORT PARAMETERS ID…`. The same events as the sealed ones'. */
const [port = '', parametersText = '', ...ids] = process.argv.slice(2);
const CHUNK_BYTES = 512 * 1024;
const UNSENT_BYTES_MAX = 4 * 1024 * 1024;
const delta = new Float32Array(Number(parametersText));
for (let i = 0; i < delta.length; i++) delta[i] = ((i % 2003) - 1001) / 1e5;
const bytes = new Uint8Array(delta.buffer);

function tell(event: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ ...event, atMs: performance.timeOrigin + performance.now() })}\n`);
}

const go = new Promise<void>((resolve) => {
  createInterface(process.stdin).on('line', (line) => line === 'go' && resolve());
});

async function upload(socket: WebSocket): Promise<void> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES);
    const left = new Promise<void>((resolve) => socket.send(chunk, () => resolve()));
    if (socket.bufferedAmount > UNSENT_BYTES_MAX) await left;
  }
}

async function download(): Promise<Uint8Array> {
  const model = new Uint8Array(bytes.length);
  let filled = 0;
  const url = new URL(`http://127.0.0.1:${port}/model`);
  const signal = new AbortController().signal;
  for await (const piece of httpPieces({ url, bytesMax: bytes.length, signal })) {
    model.set(piece, filled);
    filled += piece.length;
    giveBack(piece);
  }
  return model;
}

async function run(id: string): Promise<void> {
  const options = { perMessageDeflate: false, generateMask: (mask: Buffer) => void mask.fill(0) };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/enclave`, options);
  await once(socket, 'open');
  tell({ kind: 'waiting', id });
  await go;
  const granted = once(socket, 'message');
  socket.send('begin');
  await granted;
  const released = once(socket, 'message');
  await upload(socket);
  await released;
  await download();
  tell({ kind: 'held', round: 1, id });
  socket.terminate();
}

await Promise.all(ids.map(run));
process.exit(0);
