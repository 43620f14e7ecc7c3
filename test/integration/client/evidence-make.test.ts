import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { EmulatedDevice } from '#infra/emulator/device.ts';
import { azureSnpDevice } from '#infra/emulator/devices/azure.ts';
import { startSwtpm } from '#infra/emulator/devices/swtpm.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { MeasuredServer, requireSwtpm } from '#test/fakes/tee/swtpm.ts';
import { type CliRun, runCli } from '#test/integration/cli/run-cli.ts';

const PARTICIPANT_PAGE = join(import.meta.dirname, '../../../docs/participant.md');

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

  it('is enrolled in a study: by what it prints, below what keygen printed, the manifest accepts this server', async () => {
    const cli = (...args: readonly string[]): Promise<CliRun> => runCli(folder, args);
    const keys = await cli('keygen', 'participant', '--id', 'mary');
    const made = await make('enrolled.json', '--name', 'St Mary', '--measurement', 'PCR4', 'PCR11');
    expect(made.stderr).to.equal('Wrote enrolled.json (tpm-quote).\n');
    await writeFile(join(folder, 'mary.yaml'), keys.stdout + made.stdout);
    await cli('keygen', 'coordinator');
    const draft = ['--key', 'coordinator.key', '--participant', 'mary.yaml', '--measurement', 'ab'.repeat(48)];
    const drafted = await cli('study', 'new', ...draft);
    expect(drafted.code, drafted.stderr).to.equal(0);
    expect((await cli('study', 'check', 'study.yaml')).stdout).to.include('mary: St Mary (tpm-quote)');
    const asMary = ['--study', 'study.yaml', '--participant', 'mary'];
    const verified = await cli('evidence', 'verify', 'enrolled.json', ...asMary);
    expect(verified.code, verified.stdout).to.equal(0);
    expect(verified.stdout).to.not.include('EMULATED');
  });

  it('is refused under the manifest once it has started other software, by the register that shows it', async () => {
    await server.shutDown();
    server = await MeasuredServer.boot(join(folder, 'tpm'), 'another trainer');
    expect((await make('later.json')).code).to.equal(0);
    const asMary = ['--study', 'study.yaml', '--participant', 'mary'];
    const verified = await runCli(folder, ['evidence', 'verify', 'later.json', ...asMary]);
    expect(verified.code, verified.stdout).to.equal(3);
    expect(verified.stdout).to.match(/MEASUREMENT_MISMATCH.*\n.*PCR11/);
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

describe('cloister evidence make, on a confidential VM of Azure', function () {
  this.timeout(60_000);
  let folder: string;
  let device: EmulatedDevice;
  const make = (file: string, ...args: readonly string[]): Promise<CliRun> =>
    runCli(folder, ['evidence', 'make', file, ...device.flags, ...args], {
      PATH: `${device.access.programs}:${process.env['PATH']}`,
    });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-make-'));
    const [kept, runFolder] = [join(folder, 'kept'), join(folder, 'run')];
    for (const each of [kept, runFolder]) await mkdir(each, { mode: 0o700 });
    const digests = { sha256: new Uint8Array(32).fill(1), sha384: new Uint8Array(48).fill(1) };
    const surroundings = { now: () => Date.now(), randomBytes: nodeCrypto.randomBytes };
    const place = { folder: kept, runFolder, measured: { bundle: digests, runtime: digests }, surroundings };
    device = await azureSnpDevice(place);
  });
  after(async () => {
    await device?.close();
    await rm(folder, { recursive: true });
  });

  it("says that a root which is no vendor's is a trial, and writes nothing", async () => {
    const run = await make('genuine.json');
    expect(run.code).to.equal(2);
    expect(run.stderr).to.include("which is no vendor's").and.include('--emulated');
    expect(await readdir(folder)).to.not.include('genuine.json');
  });

  it('drafts a policy that only the list of the vendor is missing for, and with it none', async () => {
    const listless = await make('listless.json', '--emulated', '--measurement', 'PCR11', '--json');
    expect(listless.code, listless.stderr).to.equal(0);
    expect(listless.stderr).to.include('warning: this policy does not accept it yet: CRL_MISSING');
    await writeFile(join(folder, 'made.json'), listless.stdout);
    const complete = ['own.json', '--emulated', '--endorsements', device.endorsementsFolder ?? ''] as const;
    expect((await make(...complete)).stderr).to.equal('Wrote own.json (azure-cvm).\n');
    const verified = await runCli(folder, ['evidence', 'verify', 'own.json', '--policy', 'made.json']);
    expect(verified.code, verified.stdout).to.equal(0);
  });

  it('keeps evidence that lacks its certificates, and says how to get them', async () => {
    const run = await make('bare.json', '--emulated', '--device', 'http://127.0.0.1:9');
    expect([run.code, run.stdout]).to.deep.equal([1, '']);
    expect(run.stderr)
      .to.include('the evidence cannot be read yet: ENDORSEMENT_MISSING')
      .and.include('cloister endorsements fetch --for bare.json');
    expect((await runCli(folder, ['evidence', 'show', 'bare.json'])).stdout).to.include('azure-cvm');
  });
});

describe('the attestation key of docs/participant.md', function () {
  this.timeout(60_000);
  let folder: string;
  before(async function () {
    requireSwtpm(this);
    folder = await mkdtemp(join(tmpdir(), 'cloister-key-'));
  });
  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('is made by the commands there, and pins the TPM in the policy that is drafted', async () => {
    const [, commands = ''] = /```sh\n(\s*tpm2_createek[^`]*)```/.exec(await readFile(PARTICIPANT_PAGE, 'utf8')) ?? [];
    expect(commands).to.include('tpm2_evictcontrol');
    const tpm = await startSwtpm(folder, folder);
    try {
      await tpm.run('tpm2_pcrextend', [`4:sha256=${'ab'.repeat(32)}`]);
      const environment = { PATH: process.env['PATH'] ?? '', TPM2TOOLS_TCTI: tpm.tcti };
      await promisify(execFile)('sh', ['-e', '-c', commands], { cwd: folder, env: environment });
      const args = ['evidence', 'make', 'own.json', '--attester', 'tpm-quote', '--tpm-key', '0x81010002'];
      const [first, again] = [
        await runCli(folder, args, environment),
        await runCli(folder, args.with(2, 'again.json'), environment),
      ];
      expect(first.code, first.stderr).to.equal(0);
      expect(again.stdout).to.equal(first.stdout);
      expect(first.stdout)
        .to.match(/^ {4}roots:\n {6}- kind: key$/m)
        .and.include('emulated: false');
    } finally {
      await tpm.close();
    }
  });
});

function policyIn(answer: unknown): unknown {
  return typeof answer === 'object' && answer !== null && 'policy' in answer ? answer.policy : undefined;
}
