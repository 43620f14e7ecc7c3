import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { type WebSocket, WebSocketServer } from 'ws';
import { CONNECTION, webSocketConnect } from '#client/sdk/connect.ts';
import type { Transport } from '#client/sdk/transport.ts';
import { LIMITS, SUBPROTOCOL } from '#shared/protocol/limits.ts';
import { HandClock } from '#test/fakes/hand-clock.ts';
import { faultCode } from '#test/fakes/participant-run.ts';

const never = new AbortController().signal;

describe('a WebSocket connection', () => {
  let server: WebSocketServer;
  let clock: HandClock;

  beforeEach(async () => {
    clock = new HandClock();
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 2 * LIMITS.chunkBytesMax });
    await once(server, 'listening');
  });

  afterEach(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  const url = (): string => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function connected(): Promise<{ transport: Transport; peer: WebSocket }> {
    const arrived = once(server, 'connection');
    const transport = await webSocketConnect(url(), clock)(never);
    const [peer] = (await arrived) as [WebSocket];
    return { transport, peer };
  }

  it('speaks the subprotocol, and carries messages in their order both ways', async () => {
    const { transport, peer } = await connected();
    expect(peer.protocol).to.equal(SUBPROTOCOL);
    expect(peer.extensions).to.equal('');
    for (const value of [1, 2, 3]) peer.send(Uint8Array.of(value));
    const taken: unknown[] = [];
    while (taken.length < 3) {
      await transport.readable();
      const message = transport.poll();
      if (message !== undefined) taken.push(message);
    }
    expect(taken).to.deep.equal([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
    const arrived = once(peer, 'message');
    await transport.send(Uint8Array.of(9));
    expect((await arrived)[0]).to.deep.equal(Buffer.from([9]));
    transport.close();
  });

  it('holds back the sender while the peer does not read, and goes on when it does', async () => {
    const { transport, peer } = await connected();
    peer.pause();
    let sent = 0;
    const upload = (async () => {
      for (; sent < 64; sent++) await transport.send(new Uint8Array(LIMITS.chunkBytesMax));
    })();
    let received = 0;
    const all = new Promise<void>((resolve) => {
      peer.on('message', () => {
        received += 1;
        if (received === 64) resolve();
      });
    });
    // The deadline for room is armed once the connection is full.
    while (clock.waiting < 2) await new Promise(setImmediate);
    expect(sent).to.be.lessThan(64);
    peer.resume();
    await Promise.all([upload, all]);
    transport.close();
  });

  it('gives up a connection that stays full', async () => {
    const { transport, peer } = await connected();
    peer.pause();
    const upload = (async () => {
      for (;;) await transport.send(new Uint8Array(LIMITS.chunkBytesMax));
    })();
    while (clock.waiting < 2) await new Promise(setImmediate);
    const code = faultCode(upload);
    clock.advance(CONNECTION.sendDeadlineMs);
    expect(await code).to.equal('CONNECTION_LOST');
    transport.close();
  });

  it('ends when three pings go unanswered', async () => {
    const { transport, peer } = await connected();
    peer.pause();
    clock.advance((CONNECTION.pingsUnansweredMax + 2) * CONNECTION.silenceMs);
    await transport.readable();
    expect(() => transport.poll()).to.throw('pings');
  });

  it('gives what had arrived before it tells that the connection ended', async () => {
    const { transport, peer } = await connected();
    peer.send(Uint8Array.of(7));
    peer.close();
    await transport.readable();
    expect(transport.poll()).to.deep.equal(Uint8Array.of(7));
    await transport.readable();
    expect(() => transport.poll()).to.throw('connection ended');
    expect(await faultCode(transport.send(Uint8Array.of(1)))).to.equal('CONNECTION_LOST');
  });

  it('ends at a text message and at one that is too long', async () => {
    for (const message of ['text', new Uint8Array(CONNECTION.incomingBytesMax + 1)]) {
      const { transport, peer } = await connected();
      peer.send(message);
      await transport.readable();
      expect(() => transport.poll()).to.throw();
    }
  });

  it('is not made with a server that never answers, nor after it was called off', async () => {
    const silent: Server = createServer();
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const target = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const waiting = faultCode(webSocketConnect(target, clock)(never));
    clock.advance(CONNECTION.openDeadlineMs);
    expect(await waiting).to.equal('CONNECTION_LOST');
    const off = new AbortController();
    const called = faultCode(webSocketConnect(target, clock)(off.signal));
    off.abort();
    expect(await called).to.equal('CONNECTION_LOST');
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});
