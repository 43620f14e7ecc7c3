import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { concat, textOf, u32be, utf8 } from '#shared/bytes/bytes.ts';

const BRIDGE = fileURLToPath(new URL('../../../../infra/nitro/nsm-bridge.pl', import.meta.url));
const FAKES = fileURLToPath(new URL('../../../fakes/tee', import.meta.url));

/** The relay with the kernel's ioctl replaced by `test/fakes/tee/FakeNsm.pm`: framing and memory are the real ones. */
describe('nsm-bridge.pl', () => {
  let folder: string;
  let socketPath: string;
  let bridge: ChildProcess;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    socketPath = join(folder, 'nsm.sock');
    const device = join(folder, 'nsm');
    await writeFile(device, '');
    bridge = spawn('perl', [`-I${FAKES}`, '-MFakeNsm', BRIDGE, socketPath, device], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (bridge.stderr === null) throw new Error('no pipe');
    const [line] = await once(bridge.stderr, 'data');
    expect(String(line)).to.include('relays');
    bridge.stderr.resume();
  });
  after(async () => {
    bridge.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  it('lets only its own user reach the socket', async () => {
    expect((await stat(socketPath)).mode & 0o077).to.equal(0);
  });

  it('gives the bytes of the socket to the device and the bytes of the device to the socket', async () => {
    expect(await ask(socketPath, framed(utf8('hello')))).to.deep.equal(['answer:hello']);
  });

  it('takes several requests on one connection', async () => {
    const both = concat(framed(utf8('one')), framed(utf8('two')));
    expect(await ask(socketPath, both)).to.deep.equal(['answer:one', 'answer:two']);
  });

  it('relays a request of the largest size', async () => {
    const [answer] = await ask(socketPath, framed(utf8('x'.repeat(4096))));
    expect(answer).to.equal(`answer:${'x'.repeat(4096)}`);
  });

  const refused: Readonly<Record<string, Uint8Array>> = {
    'a request above its bound': u32be(4097),
    'an empty request': u32be(0),
    'a request cut short': framed(utf8('hello')).slice(0, 6),
    'a request that the device refuses': framed(utf8('!busy')),
  };
  for (const [what, bytes] of Object.entries(refused)) {
    it(`hangs up on ${what}, and serves the next peer`, async () => {
      expect(await ask(socketPath, bytes)).to.deep.equal([]);
      expect(await ask(socketPath, framed(utf8('next')))).to.deep.equal(['answer:next']);
    });
  }

  it('removes its socket and ends when it is told to', async () => {
    bridge.kill('SIGTERM');
    const [code] = await once(bridge, 'exit');
    expect(code).to.equal(0);
    const left = await stat(socketPath).then(
      () => true,
      () => false,
    );
    expect(left).to.equal(false);
  });
});

function framed(message: Uint8Array): Uint8Array {
  return concat(u32be(message.length), message);
}

/** Writes `bytes`, half-closes, and reads whole answers until the relay hangs up. */
async function ask(socketPath: string, bytes: Uint8Array): Promise<readonly string[]> {
  const socket: Socket = createConnection({ path: socketPath });
  socket.end(bytes);
  const received = concat(...(await socket.toArray()));
  const answers: string[] = [];
  for (let at = 0; at < received.length; ) {
    const length = new DataView(received.buffer).getUint32(at);
    answers.push(textOf(received.slice(at + 4, at + 4 + length)) ?? 'not text');
    at += 4 + length;
  }
  return answers;
}
