import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import type { Endpoint } from '#host/endpoint.ts';
import { type Counters, newCounters } from '#host/health.ts';
import { Relay } from '#host/relay.ts';
import { patternBytes } from '#test/fakes/host/files.ts';
import { SILENT, temporaryFolder } from '#test/fakes/host/redis.ts';

const UPGRADE = [
  'GET /v1/enclave HTTP/1.1',
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'X-Odd-CASE:  kept ',
  '',
  '',
].join('\r\n');

describe('relay', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let enclave: Server;
  let http: HttpServer;
  let relay: Relay;
  let counters: Counters;
  let path: string;
  /** What the stand-in for the enclave does with a connection. */
  let take: (socket: Socket) => void;
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'enclave');
    take = () => {};
    enclave = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      take(socket);
    });
    enclave.listen(path);
    await once(enclave, 'listening');
    await listen({ kind: 'unix', path }, 2);
  });

  afterEach(async () => {
    relay.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    http.closeAllConnections();
    await Promise.all([once(http.close(), 'close'), once(enclave.close(), 'close')]);
    await folder.remove();
  });

  async function listen(endpoint: Endpoint, connectionsMax: number): Promise<void> {
    counters = newCounters();
    relay = new Relay(endpoint, counters, { log: SILENT, connectionsMax });
    http = createHttpServer();
    http.on('upgrade', (request, socket, head) => relay.accept(request, socket, head));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
  }

  function port(): number {
    const address = http.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return address.port;
  }

  async function client(first: string): Promise<Socket> {
    const socket = connect({ port: port(), host: '127.0.0.1' });
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    socket.write(first);
    return socket;
  }

  it('passes the upgrade request and what follows it on unchanged, and the answer back', async () => {
    const sent = Buffer.from(patternBytes(3_000_000, 1));
    const answer = Buffer.from(patternBytes(3_000_000, 2));
    const heard = Promise.withResolvers<Buffer>();
    take = (socket) => {
      socket.write(answer);
      socket.end();
      heard.resolve(everything(socket));
    };
    const socket = await client(UPGRADE);
    const back = everything(socket);
    socket.write(sent);
    expect((await back).equals(answer)).to.equal(true);
    socket.end();
    const expected = Buffer.concat([Buffer.from(UPGRADE.replace(':  kept ', ': kept')), sent]);
    expect((await heard.promise).equals(expected)).to.equal(true);
  });

  it('stops reading from a client while the enclave does not read', async () => {
    take = (socket) => socket.pause();
    const socket = await client(UPGRADE);
    const piece = Buffer.alloc(256 * 1024);
    let taken = 0;
    // Kernel buffers take a few MiB; without back-pressure the relay would take everything, and this would not end.
    while (socket.write(piece) || (await drains(socket))) taken += piece.length;
    expect(taken).to.be.lessThan(64 * 1024 * 1024);
    const [peer] = [...sockets].filter((candidate) => candidate !== socket);
    const drained = once(socket, 'drain');
    peer?.resume();
    await drained;
  });

  it('carries a WebSocket connection of many messages', async () => {
    const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    const inner = createHttpServer().on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (peer) => peer.on('message', (bytes) => peer.send(bytes)));
    });
    take = (socket) => inner.emit('connection', socket);
    const peer = new WebSocket(`ws://127.0.0.1:${port()}/v1/enclave`, { perMessageDeflate: false });
    await once(peer, 'open');
    for (let i = 0; i < 20; i++) {
      const message = Buffer.from(patternBytes(100_000, i));
      peer.send(message);
      const [echo] = await once(peer, 'message');
      expect(message.equals(echo)).to.equal(true);
    }
    peer.terminate();
  });

  it('turns another path away with 404, and an enclave that is not there with 502', async () => {
    const wrong = await client(UPGRADE.replace('/v1/enclave', '/v1/other'));
    expect((await everything(wrong)).toString()).to.match(/^HTTP\/1\.1 404 /);
    http.closeAllConnections();
    await once(http.close(), 'close');
    await listen({ kind: 'unix', path: join(folder.path, 'nobody') }, 2);
    const lost = await client(UPGRADE);
    expect((await everything(lost)).toString()).to.match(/^HTTP\/1\.1 502 /);
    expect(counters.relayOpen).to.equal(0);
  });

  for (const target of ['//', 'http://[', '//a:b/v1/enclave']) {
    it(`turns away ${target}, which is no address, and goes on`, async () => {
      const odd = await client(UPGRADE.replace('/v1/enclave', target));
      expect((await everything(odd)).toString()).to.match(/^HTTP\/1\.1 404 /);
      const next = await client(UPGRADE.replace('/v1/enclave', '/v1/other'));
      expect((await everything(next)).toString()).to.match(/^HTTP\/1\.1 404 /);
    });
  }

  it('takes no more connections than its bound, and takes one again when one has ended', async () => {
    const peers: Socket[] = [];
    let arrived = Promise.withResolvers<void>();
    take = (socket) => {
      peers.push(socket);
      arrived.resolve();
    };
    for (let i = 0; i < 2; i++) {
      await client(UPGRADE);
      await arrived.promise;
      arrived = Promise.withResolvers();
    }
    expect((await everything(await client(UPGRADE))).toString()).to.match(/^HTTP\/1\.1 503 /);
    const [first] = [...sockets].filter((socket) => !peers.includes(socket));
    if (first === undefined) throw new Error('no client is connected');
    const gone = once(first, 'close');
    peers[0]?.destroy();
    first.resume();
    await gone;
    await client(UPGRADE);
    await arrived.promise;
    expect(counters).to.include({ relayOpen: 2, relayRefused: 1 });
  });
});

/** Whether the socket drains before a long while of nothing; a relay with back-pressure never lets it. */
async function drains(socket: Socket): Promise<boolean> {
  try {
    await once(socket, 'drain', { signal: AbortSignal.timeout(500) });
    return true;
  } catch {
    // Aborted: nothing more is taken.
    return false;
  }
}

/** All bytes until the other side ends. */
async function everything(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece);
  return Buffer.concat(pieces);
}
