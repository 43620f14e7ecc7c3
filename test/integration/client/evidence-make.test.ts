import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MeasuredServer, requireSwtpm } from '#test/fakes/tee/swtpm.ts';
import { type CliRun, runCli } from '#test/integration/cli/run-cli.ts';

describe('cloister evidence make, on a server with a TPM', function () {
  this.timeout(60_000);
  let folder: string;
  let server: MeasuredServer;
  const make = (...args: readonly string[]): Promise<CliRun> =>
    runCli(folder, ['evidence', 'make', ...args, '--attester', 'tpm-quote', ...server.flags]);

  before(async function () {
    requireSwtpm(this);
    folder = await mkdtemp(join(tmpdir(), 'cloister-make-'));
    server = await MeasuredServer.boot(join(folder, 'tpm'), 'the trainer of the study');
  });
  after(async () => {
    await server?.shutDown();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('drafts a policy under which the evidence that it wrote is verified', async () => {
    const made = await make('own.json', '--emulated', '--name', 'St Mary', '--json');
    expect(made.code, made.stderr).to.equal(0);
    const answer: unknown = JSON.parse(made.stdout);
    expect(answer).to.have.property('reasons').that.deep.equals([]);
    expect(answer).to.have.nested.property('policy.roots[0].kind', 'key');
    await writeFile(join(folder, 'policy.json'), JSON.stringify(policyIn(answer)));
    const verified = await runCli(folder, ['evidence', 'verify', 'own.json', '--policy', 'policy.json']);
    expect(verified.code, verified.stdout).to.equal(0);
    expect(verified.stdout).to.include('EMULATED');
  });

  it('writes over no file, and refuses report data that is too short', async () => {
    const before = await readFile(join(folder, 'own.json'), 'utf8');
    expect((await make('own.json')).stderr).to.match(/^error CONFIG_INVALID: own\.json exists already/);
    expect(await readFile(join(folder, 'own.json'), 'utf8')).to.equal(before);
    expect((await make('short.json', '--report-data', '00ff')).stderr).to.include('found 2 bytes, expected 64');
  });

  it('says what it looked for where there is no such device', async () => {
    const run = await runCli(folder, [
      'evidence',
      'make',
      'none.json',
      '--attester',
      'intel-sgx',
      '--device',
      '/nowhere',
    ]);
    expect(run.code).to.equal(1);
    expect(run.stderr)
      .to.match(/^error ATTESTER_MISSING: /)
      .and.include('/nowhere');
  });
});

function policyIn(answer: unknown): unknown {
  return typeof answer === 'object' && answer !== null && 'policy' in answer ? answer.policy : undefined;
}
