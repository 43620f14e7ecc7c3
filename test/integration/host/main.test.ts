import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { findRedisServer } from '#host/redis-process.ts';
import { temporaryFolder } from '#test/fakes/host/redis.ts';

const MAIN = join(import.meta.dirname, '../../../aggregator/host/main.ts');

/** The fields of the first line with this event. */
async function lineOf(program: ChildProcess, event: string): Promise<Record<string, unknown>> {
  if (program.stdout === null) throw new Error('the program has no output');
  for await (const line of createInterface({ input: program.stdout })) {
    const fields: Record<string, unknown> = JSON.parse(line);
    if (fields['event'] === event) return fields;
  }
  throw new Error(`the program ended without ${event}`);
}

describe('the host program', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await folder.remove();
  });

  function run(args: readonly string[], path = process.env['PATH'] ?? ''): ChildProcess {
    const { REDIS_URL: _unused, ...environment } = process.env;
    child = spawn(process.execPath, [MAIN, ...args], { env: { ...environment, PATH: path } });
    return child;
  }

  function needed(): string[] {
    const socket = (name: string) => join(folder.path, name);
    const sockets = ['--enclave-socket', socket('e'), '--boundary-socket', socket('b')];
    return ['--listen', '127.0.0.1:0', '--data', join(folder.path, 'data'), ...sockets];
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`starts a Redis of its own, says so in one line, and on ${signal} stops both`, async function () {
      if (findRedisServer(process.env['PATH'] ?? '') === undefined && process.env['CI'] !== 'true') this.skip();
      const program = run(needed());
      const ready = await lineOf(program, 'ready');
      expect(ready).to.have.property('queue', 'own redis');
      const health = await fetch(`http://127.0.0.1:${ready['port']}/healthz`);
      expect(await health.json()).to.deep.equal({ status: 'ok', enclave: false, queue: 'own redis' });
      const socket = join(folder.path, 'data', 'redis', 'redis.sock');
      expect(existsSync(socket)).to.equal(true);
      program.stdout?.resume();
      program.kill(signal);
      expect(await once(program, 'exit')).to.deep.equal([0, null]);
      // Redis removes its socket as the last thing it does.
      expect(existsSync(socket)).to.equal(false);
    });
  }

  it('stops in order when one request to stop comes twice, as a service manager and a wrapper send it', async () => {
    const program = run(needed(), folder.path);
    await lineOf(program, 'ready');
    const ended = once(program, 'exit');
    program.kill('SIGTERM');
    await lineOf(program, 'stopping');
    program.kill('SIGTERM');
    program.stdout?.resume();
    expect(await ended).to.deep.equal([0, null]);
  });

  it('takes its Redis with it when it is killed', async function () {
    if (findRedisServer(process.env['PATH'] ?? '') === undefined && process.env['CI'] !== 'true') this.skip();
    // Without util-linux there is no way to ask the kernel for this.
    if (!existsSync('/usr/bin/setpriv')) this.skip();
    const program = run(needed());
    await lineOf(program, 'ready');
    const connection = connect(join(folder.path, 'data', 'redis', 'redis.sock'));
    await once(connection, 'connect');
    const closed = once(connection, 'close');
    connection.resume();
    program.kill('SIGKILL');
    await closed;
  });

  it('keeps jobs in memory where there is no Redis, and says what that loses', async () => {
    const program = run(needed(), folder.path);
    const warning = await lineOf(program, 'queue-in-memory');
    expect(warning['msg']).to.contain('are lost when the host stops');
    program.stdout?.resume();
    program.kill('SIGTERM');
    await once(program, 'exit');
  });

  it('ends with code 2 and the reason for a bad option, and with code 0 and a text for --help', async () => {
    expect(await once(run(['--listen', 'nowhere']), 'exit')).to.deep.equal([2, null]);
    expect(await once(run(['--help']), 'exit')).to.deep.equal([0, null]);
  });
});
