import { type WebSocket, WebSocketServer } from 'ws';
import { createArena } from '#enclave/aggregation/arena.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';

/**
 * The benchmark's own baseline: `node clear-server.ts PARAMETERS PARTICIPANTS`. Takes the same updates in chunks of the
 * same size over WebSockets, folds them with the same kernels, and returns the mean the same way, without any
 * cryptography, attestation, queue or disk. Prints its port, and its peak memory at the end.
 */
const [parameters = 0, participants = 0] = process.argv.slice(2).map(Number);
const CHUNK_BYTES = 512 * 1024;
const modelBytes = parameters * Float32Array.BYTES_PER_ELEMENT;
const arena = await createArena({ parameterCount: parameters, slots: 2, backend: await loadTensors() });
const model = new Float32Array(parameters);
const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  perMessageDeflate: false,
  maxPayload: 2 * CHUNK_BYTES,
});
const free = [0, 1];
const line: ((slot: number) => void)[] = [];
const sockets: WebSocket[] = [];
let folded = 0;

function release(slot: number): void {
  const next = line.shift();
  if (next === undefined) free.push(slot);
  else next(slot);
}

function grant(socket: WebSocket): void {
  const start = (slot: number): void => {
    let offset = 0;
    socket.send('go');
    socket.on('message', (data: Buffer) => {
      arena.stage(slot, offset, data);
      offset += data.length;
      if (offset < modelBytes) return;
      arena.fold(slot, 100);
      folded += 1;
      release(slot);
      if (folded === participants) finish();
    });
  };
  const slot = free.pop();
  if (slot === undefined) line.push(start);
  else start(slot);
}

function finish(): void {
  arena.applyMean(model, 100 * participants);
  const bytes = new Uint8Array(model.buffer);
  for (const socket of sockets) void sendModel(socket, bytes);
}

async function sendModel(socket: WebSocket, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const sent = new Promise<void>((resolve) => socket.send(bytes.subarray(at, at + CHUNK_BYTES), () => resolve()));
    await sent;
  }
  socket.send('end');
}

server.on('connection', (socket) => {
  sockets.push(socket);
  socket.once('message', () => grant(socket));
});
server.on('listening', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
