import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import pino from 'pino';
import { writeAnswer } from '#host/answer.ts';
import { newCounters } from '#host/health.ts';
import { Relay } from '#host/relay.ts';

/**
 * The host of the baseline: `node clear-host.ts SOCKET FILE`. Relays WebSockets and serves the model with the host's own
 * code, so that what the baseline leaves out is cryptography, and the queue between.
 */
const [socketPath = '', file = ''] = process.argv.slice(2);
const relay = new Relay({ kind: 'unix', path: socketPath }, newCounters(), { log: pino({ level: 'silent' }) });
const server = createServer((request, response) => {
  void stat(file).then(({ size }) => writeAnswer(request, response, { kind: 'file', path: file, length: size }));
});
server.on('upgrade', (request, socket, head) => relay.accept(request, socket, head));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
