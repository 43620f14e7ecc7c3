import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CliRun, runCli } from '#test/integration/cli/run-cli.ts';
import { codeIn, type Ledger } from './ledger.ts';

/** A host whose queue is not there, started early since it waits for it. */
export interface QueuelessHost {
  start(): Promise<void>;
  ended(): Promise<CliRun>;
  remove(): Promise<void>;
}

/** The real host program, pointed at a Redis that nobody runs. */
export function hostWithoutQueue(): QueuelessHost {
  let folder = '';
  let run: Promise<CliRun> | undefined;
  return {
    start: async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-faults-'));
      const sockets = ['--enclave-socket', './door.sock', '--boundary-socket', './boundary.sock'];
      run = runCli(folder, ['host', ...sockets, '--queue', 'redis://127.0.0.1:9', '--listen', '127.0.0.1:0']);
    },
    ended: () => run ?? Promise.reject(new Error('the host was not started')),
    remove: async () => {
      await run;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the host says when its queue does not answer. */
export function queueFaults(ledger: Ledger, host: QueuelessHost): void {
  it('a Redis that nobody runs is QUEUE_UNAVAILABLE, exit code 4', async () => {
    const run = await host.ended();
    ledger.provoked(codeIn(run.stderr), 'QUEUE_UNAVAILABLE', run.stderr);
    expect(run.code).to.equal(4);
  });
}
