import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { createArena } from '#enclave/aggregation/arena.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { giveBack } from '#shared/bytes/give-back.ts';

/**
 * The benchmark's own aggregator without cryptography: `node clear-server.ts SOCKET FILE PARAMETERS PARTICIPANTS`. Takes
 * the updates over WebSockets in chunks of the same size, one at a time, folds them with the same kernels, and writes the
 * model to FILE for the host to serve.
 */
const [socketPath = '', file = '', parametersText = '', participantsText = ''] = process.argv.slice(2);
const parameters = Number(parametersText);
const participants = Number(participantsText);
const CHUNK_BYTES = 512 * 1024;
const modelBytes = parameters * Float32Array.BYTES_PER_ELEMENT;
const arena = await createArena({ parameterCount: parameters, slots: 1, backend: await loadTensors() });
const model = new Float32Array(parameters);
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false, maxPayload: 2 * CHUNK_BYTES });
const line: WebSocket[] = [];
const sockets: WebSocket[] = [];
let busy = false;
let folded = 0;

/** Lets the next in line send, when nobody does. */
function serve(): void {
  const socket = busy ? undefined : line.shift();
  if (socket === undefined) return;
  busy = true;
  let offset = 0;
  socket.on('message', (data: Buffer) => {
    arena.stage(0, offset, data);
    offset += data.length;
    giveBack(data);
    if (offset < modelBytes) return;
    arena.fold(0, 100);
    folded += 1;
    busy = false;
    if (folded === participants) void finish();
    else serve();
  });
  socket.send('go');
}

async function finish(): Promise<void> {
  arena.applyMean(model, 100 * participants);
  const handle = await open(file, 'w');
  await handle.writeFile(new Uint8Array(model.buffer));
  await handle.sync();
  await handle.close();
  for (const socket of sockets) socket.send('released');
}

server.on('connection', (socket) => {
  sockets.push(socket);
  socket.once('message', () => {
    line.push(socket);
    serve();
  });
});
http.listen(socketPath, () => process.stdout.write(`${JSON.stringify({ ready: true })}\n`));
process.on('SIGTERM', () => process.exit(0));
