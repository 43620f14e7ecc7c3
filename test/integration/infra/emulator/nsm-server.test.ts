import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type NsmServer, REQUEST_BYTES_MAX, serveNsm } from '#infra/emulator/nsm-server.ts';
import { concat, toHex, u32be } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';

describe('serveNsm', () => {
  let folder: string;
  let server: NsmServer;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    // A device that answers with the request itself, and breaks on a request of zeros.
    const device = {
      answer: async (request: Uint8Array) => {
        if (request[0] === 0) throw new Error('broken device');
        return request;
      },
    };
    server = await serveNsm(device, join(folder, 'nsm.sock'));
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function ask(bytes: Uint8Array): Promise<string> {
    const socket = createConnection({ path: server.socketPath });
    socket.end(bytes);
    return toHex(concat(...(await socket.toArray())));
  }

  it('answers each request of a connection in turn', async () => {
    const both = concat(u32be(1), Uint8Array.of(7), u32be(2), Uint8Array.of(8, 9));
    expect(await ask(both)).to.equal(toHex(both));
  });

  it('answers a request of the largest size', async () => {
    const request = concat(u32be(REQUEST_BYTES_MAX), new Uint8Array(REQUEST_BYTES_MAX).fill(1));
    expect(await ask(request)).to.equal(toHex(request));
  });

  const refused: Readonly<Record<string, Uint8Array>> = {
    'a request above its bound': u32be(REQUEST_BYTES_MAX + 1),
    'an empty request': u32be(0),
    'a request cut short': concat(u32be(2), Uint8Array.of(7)),
    'a request on which the device breaks': concat(u32be(1), Uint8Array.of(0)),
  };
  for (const [what, bytes] of Object.entries(refused)) {
    it(`hangs up on ${what}, and serves the next peer`, async () => {
      expect(await ask(bytes)).to.equal('');
      expect(await ask(concat(u32be(1), Uint8Array.of(7)))).to.equal('0000000107');
    });
  }

  it('refuses a path that does not fit into a socket address', async () => {
    const path = join(folder, 'x'.repeat(120));
    const outcome = await serveNsm({ answer: async (request) => request }, path).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(outcome).to.be.instanceOf(Fault).with.property('code', 'CONFIG_INVALID');
  });
});
