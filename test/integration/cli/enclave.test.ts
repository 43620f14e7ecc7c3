import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildEnclaveBundle } from '#scripts/bundle.ts';
import { type CliRun, runCli } from './run-cli.ts';

describe('cloister enclave, as an operator starts it', function () {
  this.timeout(60_000);
  let folder = '';
  let bundle = '';
  const sockets = (): string[] => ['--listen', join(folder, 'p.sock'), '--boundary', join(folder, 'b.sock')];
  const enclave = (...args: readonly string[]): Promise<CliRun> =>
    runCli(folder, ['enclave', '--bundle', bundle, ...sockets(), ...args]);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-enclave-'));
    ({ path: bundle } = await buildEnclaveBundle(join(folder, 'enclave.mjs')));
  });
  after(() => rm(folder, { recursive: true }));

  it('names the devices that there are, for one that it does not know', async () => {
    const run = await enclave('--attester', 'sev');
    expect(run.code).to.equal(2);
    expect(run.stderr).to.include('--attester: found sev, expected one of auto, aws-nitro').and.include('tpm-quote');
  });

  it('reaches a device that lies where it is told', async () => {
    await mkdir(join(folder, 'attestation'));
    await writeFile(join(folder, 'attestation/attestation_type'), 'none');
    const run = await enclave('--attester', 'intel-sgx', '--', '--device', join(folder, 'attestation'));
    expect(run.code).to.equal(1);
    expect(run.stderr).to.include('ATTESTER_MISSING').and.include('attestation_type is not dcap');
  });

  it('does not start on a Nitro relay that is not there', async () => {
    const run = await enclave('--nsm', 'absent.sock');
    expect(run.code).to.equal(2);
    expect(run.stderr).to.include('--nsm: there is no').and.include('absent.sock');
  });

  it('ends with 0 when it is stopped, on a device and on an emulated one', async () => {
    const relay = createServer().listen(join(folder, 'nsm.sock'));
    await once(relay, 'listening');
    for (const device of [
      ['--nsm', join(folder, 'nsm.sock')],
      ['--emulator', 'tee'],
    ]) {
      const run = await stoppedWhenReady(folder, ['enclave', '--bundle', bundle, ...sockets(), ...device]);
      expect(run.stdout, run.stderr).to.include('enclave-ready');
      expect(run.code, run.stderr).to.equal(0);
    }
    relay.close();
  });
});

/** Runs an enclave, and sends it one Ctrl-C when it is ready. */
function stoppedWhenReady(folder: string, args: readonly string[]): Promise<CliRun> {
  return runCli(folder, args, {}, (interrupt, stdout) => {
    let printed = '';
    stdout.on('data', (part: Buffer) => {
      printed += part.toString();
      if (printed.includes('enclave-ready')) interrupt();
    });
  });
}
