import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { openDoor } from '#enclave/adapters/websocket.ts';
import { SUBPROTOCOL } from '#shared/protocol/limits.ts';

describe("the participants' door", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-door-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('hands each message on as plain bytes whose slices are copies', async () => {
    const listen = join(folder, 'door.sock');
    const received: Uint8Array[] = [];
    let arrived = (): void => undefined;
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const door = await openDoor({
      listen,
      connectionsMax: 1,
      accept: () => ({
        receive(bytes) {
          received.push(bytes);
          arrived();
        },
        disconnected: () => undefined,
      }),
    });
    const socket = new WebSocket(`ws+unix:${listen}:/`, SUBPROTOCOL);
    await once(socket, 'open');
    socket.send(Uint8Array.of(1, 2, 3));
    await arrival;
    const [message = new Uint8Array(0)] = received;
    expect([...message]).to.deep.equal([1, 2, 3]);
    expect(message).not.to.be.instanceOf(Buffer);
    expect(message.slice(2).buffer.byteLength).to.equal(1);
    socket.terminate();
    await door.close();
  });

  it('tells whoever asks for a page to upgrade', async () => {
    const socketPath = join(folder, 'door.sock');
    const accept = () => ({ receive: () => undefined, disconnected: () => undefined });
    const door = await openDoor({ listen: socketPath, connectionsMax: 1, accept });
    const asked = request({ socketPath, path: '/' });
    asked.end();
    const [response] = await once(asked, 'response');
    expect(response.statusCode).to.equal(426);
    response.resume();
    await door.close();
  });

  it('outlives a stranger that names no subprotocol and goes on with bytes that are no frame', async () => {
    const listen = join(folder, 'door.sock');
    let accepted = 0;
    const accept = () => {
      accepted += 1;
      return { receive: () => undefined, disconnected: () => undefined };
    };
    const door = await openDoor({ listen, connectionsMax: 2, accept });
    const stranger = connect({ path: listen });
    const gone = once(stranger, 'close');
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const lines = ['GET / HTTP/1.1', 'Host: door', ...upgrade, `Sec-WebSocket-Key: ${'A'.repeat(22)}==`];
    stranger.write(`${lines.join('\r\n')}\r\n\r\n`);
    await once(stranger, 'data');
    // Reserved bits that nobody agreed on (RFC 6455 section 5.2), sent in place of an answer to the farewell.
    stranger.write(Uint8Array.of(0xff, 0x80, 0, 0, 0, 0));
    stranger.resume();
    await gone;
    const participant = new WebSocket(`ws+unix:${listen}:/`, SUBPROTOCOL);
    await once(participant, 'open');
    expect(accepted).to.equal(1);
    participant.terminate();
    await door.close();
  });
});
