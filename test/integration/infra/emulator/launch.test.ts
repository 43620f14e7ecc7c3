import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { measureFile } from '#client/cli/measure-file.ts';
import { type EmulatedEnclave, type LaunchOptions, launchEmulated } from '#infra/emulator/launch.ts';
import { buildEnclaveBundle } from '#scripts/bundle.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { fromBase64 } from '#shared/bytes/base64.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';

const MAIN = fileURLToPath(new URL('../../../../infra/emulator/main.ts', import.meta.url));

interface Report {
  readonly document: string;
  readonly flags: readonly string[];
  readonly environment: readonly string[];
  readonly mayReadItself: boolean;
  readonly mayReadPasswords: boolean;
  readonly mayStartWorkers: boolean;
  readonly mayStartProcesses: boolean;
}

describe('launchEmulated', () => {
  let folder: string;
  let bundlePath: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
    bundlePath = join(folder, 'fixture.mjs');
    await buildEnclaveBundle(bundlePath, { entry: 'test/fixtures/enclave/attest.ts' });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function launch(flags: readonly string[], options: Partial<LaunchOptions> = {}) {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const enclave = await launchEmulated({
      bundlePath,
      folder: join(folder, 'device'),
      args: ({ socketPath }) => [socketPath, ...flags],
      stdio: { stdout, stderr },
      ...options,
    });
    return { enclave, stdout, stderr };
  }

  it('runs the measured bundle, whose document verifies under the root of this machine only', async () => {
    const { enclave, stdout } = await launch([]);
    const report = await reportOf(stdout);
    expect(await enclave.process.exited).to.deep.equal({ code: 0, signal: null });
    expect(enclave.pcr0).to.equal((await measureFile(bundlePath)).sha384);
    const verification = await verify(report, enclave, true);
    if (verification.kind !== 'verified') throw new Error(JSON.stringify(verification.reasons));
    expect(verification.claims.measurements['PCR0']).to.equal(enclave.pcr0);
    expect(verification.claims.measurements['PCR1']).to.equal((await measureFile(process.execPath)).sha384);
    expect(verification.claims.root.emulated).to.equal(true);
    expect(verification.claims.reportData).to.deep.equal(new Uint8Array(64).fill(5));
    expect((await verify(report, enclave, false)).kind).to.equal('refused');
  });

  it('gives the enclave its arguments, its environment and nothing else', async () => {
    process.env['CLOISTER_TEST_LEAK'] = 'visible to the launcher';
    const { enclave, stdout } = await launch(['--a', 'b'], { env: { TZ: 'UTC' } });
    delete process.env['CLOISTER_TEST_LEAK'];
    const report = await reportOf(stdout);
    await enclave.process.exited;
    expect(report.flags).to.deep.equal(['--a', 'b']);
    expect(report.environment).to.deep.equal([
      'MALLOC_MMAP_THRESHOLD_',
      'MALLOC_TOP_PAD_',
      'MALLOC_TRIM_THRESHOLD_',
      'TZ',
    ]);
  });

  it('lets the enclave read its own bundle only, and start neither processes nor workers', async () => {
    const { enclave, stdout } = await launch([]);
    const { mayReadItself, mayReadPasswords, mayStartProcesses, mayStartWorkers } = await reportOf(stdout);
    await enclave.process.exited;
    expect({ mayReadItself, mayReadPasswords, mayStartProcesses, mayStartWorkers }).to.deep.equal({
      mayReadItself: true,
      mayReadPasswords: false,
      mayStartProcesses: false,
      mayStartWorkers: false,
    });
  });

  it('allows worker threads when asked to', async () => {
    const { enclave, stdout } = await launch([], { permissions: { workers: true } });
    expect((await reportOf(stdout)).mayStartWorkers).to.equal(true);
    await enclave.process.exited;
  });

  it('runs what it measured although the original changes meanwhile', async () => {
    const changing = join(folder, 'changing.mjs');
    await buildEnclaveBundle(changing, { entry: 'test/fixtures/enclave/attest.ts' });
    const { enclave, stdout } = await launch(['--stay'], { bundlePath: changing });
    await reportOf(stdout);
    await appendFile(changing, '\n// altered\n');
    expect((await measureFile(enclave.measuredPath)).sha384).to.equal(enclave.pcr0);
    expect((await measureFile(changing)).sha384).to.not.equal(enclave.pcr0);
    await enclave.process.stop();
  });

  it('leaves no process, socket or copy behind when it is stopped', async () => {
    const { enclave, stdout } = await launch(['--stay']);
    await reportOf(stdout);
    await enclave.process.stop();
    expect(await enclave.process.exited).to.deep.equal({ code: null, signal: 'SIGTERM' });
    expect(isAlive(enclave.process.pid)).to.equal(false);
    expect(await exists(enclave.socketPath)).to.equal(false);
    expect(await exists(dirname(enclave.measuredPath))).to.equal(false);
    await enclave.process.stop();
  });

  it('ends an enclave that ignores the request to stop', async () => {
    const { enclave, stdout } = await launch(['--deaf'], { stopGraceMs: 1 });
    await reportOf(stdout);
    await enclave.process.stop();
    expect(isAlive(enclave.process.pid)).to.equal(false);
  });

  it('reports the exit code of an enclave that fails by itself, and forwards what it said', async () => {
    const { enclave, stdout, stderr } = await launch(['--fail']);
    const [said] = await Promise.all([once(stderr, 'data'), reportOf(stdout)]);
    expect(String(said[0])).to.equal('a line for the log\n');
    expect(await enclave.process.exited).to.deep.equal({ code: 7, signal: null });
    expect(await exists(enclave.measuredPath)).to.equal(false);
  });

  it('refuses a bundle that is not there', async () => {
    const outcome = await launch([], { bundlePath: join(folder, 'absent.mjs') }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(outcome).to.be.instanceOf(Fault).with.property('code', 'CONFIG_INVALID');
  });

  it('refuses a platform that it cannot play, before it makes anything', async () => {
    const outcome = await launch([], { platform: 'abacus' }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(outcome).to.be.instanceOf(Fault).with.property('code', 'CONFIG_INVALID');
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops the enclave when its own process gets ${signal}, and says EMULATED in every line of its own`, async () => {
      const args = [MAIN, '--bundle', bundlePath, '--folder', join(folder, 'device'), '--', '{socket}', '--stay'];
      const launcher = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      const pid = await new Promise<number>((resolve) => {
        launcher.stderr.on('data', (chunk) => {
          said += String(chunk);
          const found = /process (\d+)$/m.exec(said)?.[1];
          if (found !== undefined) resolve(Number(found));
        });
      });
      await once(launcher.stdout, 'data');
      expect(isAlive(pid)).to.equal(true);
      launcher.kill(signal);
      await once(launcher, 'close');
      expect(isAlive(pid)).to.equal(false);
      const own = said
        .trim()
        .split('\n')
        .filter((line) => line !== 'a line for the log');
      expect(own).to.not.have.length(0);
      for (const line of own) expect(line).to.match(/^EMULATED enclave: /);
    });
  }

  it('tells what is wrong when it is called without its options', async () => {
    const launcher = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [said] = await once(launcher.stderr, 'data');
    const [code] = await once(launcher, 'close');
    expect(String(said)).to.match(/^EMULATED enclave: expected --bundle/);
    expect(code).to.equal(1);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH is the answer that the callers ask for.
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function reportOf(stdout: PassThrough): Promise<Report> {
  const [line] = await once(stdout, 'data');
  return JSON.parse(String(line));
}

function verify(report: Report, enclave: EmulatedEnclave, trusted: boolean): Promise<Verification> {
  const document = fromBase64(report.document);
  if (document === undefined) throw new Error('not base64');
  const own: Anchor = {
    kind: 'certificate',
    name: 'EMULATED',
    platform: 'aws-nitro',
    sha256: enclave.rootSha256,
    emulated: true,
  };
  const anchors = trusted ? [...VENDOR_ANCHORS, own] : VENDOR_ANCHORS;
  return verifyEvidence(
    { platform: 'aws-nitro', document, endorsements: [] },
    { anchors, atMs: Date.now(), crypto: nodeCrypto },
  );
}
