import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const DEMO = join(ROOT, 'scripts', 'demo.ts');
const CLI = join(ROOT, 'client', 'cli', 'main.ts');

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** Starts a demo whose temporary folders lie in `temporary`, so that all its processes name that folder. */
function startDemo(folder: string, temporary: string, environment: NodeJS.ProcessEnv = process.env): ChildProcess {
  const env = { ...environment, TMPDIR: temporary };
  return spawn(process.execPath, [DEMO, '--out', folder], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Follows a demo to its end; `onLine` hears each line of its output. */
async function follow(demo: ChildProcess, onLine: (line: string) => void = () => undefined): Promise<Ended> {
  const lines: string[] = [];
  for (const stream of [demo.stdout, demo.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on('line', (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const [code] = await once(demo, 'close');
  return { code: typeof code === 'number' ? code : null, lines };
}

/** Command lines of running processes that name `folder`. */
async function processesOf(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    // A process may end while the list is being read: it is then none of those that are left.
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(folder)) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}

/** Exit code of `cloister release verify` over a folder of releases. */
async function verify(run: string, releases: string): Promise<number> {
  const args = ['release', 'verify', '--quiet', '--study', join(run, 'studies', 'breast-cancer.dsse.json')];
  const policy = ['--policy', join(run, 'studies', 'hospital-policy.yaml')];
  const ended = await promisify(execFile)(process.execPath, [CLI, ...args, ...policy, releases]).then(
    () => 0,
    (error: unknown) => (error instanceof Error && 'code' in error ? Number(error.code) : -1),
  );
  return ended;
}

async function releasesOf(run: string): Promise<string> {
  const studies = join(run, 'host', 'studies');
  for (const study of await readdir(studies)) {
    const releases = join(studies, study, 'releases');
    if ((await readdir(releases)).length > 2) return releases;
  }
  throw new Error('the demo left no releases');
}

describe('the demo', function () {
  this.timeout(120_000);
  let run: string;

  before(async () => {
    run = await mkdtemp(join(tmpdir(), 'cloister-demo-'));
  });
  after(() => rm(run, { recursive: true, force: true }));

  it('trains through the enclave, beats the hospitals alone, comes near to pooled data, and verifies', async () => {
    const { code, lines } = await follow(startDemo(run, run));
    expect(code, lines.join('\n')).to.equal(0);
    const report: unknown = JSON.parse(await readFile(join(run, 'report.json'), 'utf8'));
    expect(report).to.have.nested.property('verdict.beatsLocal', true);
    expect(report).to.have.nested.property('verdict.nearPooled', true);
    expect(report).to.have.nested.property('verdict.allVerified', true);
    expect(report).to.have.property('rounds').with.length(25);
    expect(lines.join('\n')).to.contain('EMULATED');
    expect(await processesOf(run)).to.deep.equal([]);
  });

  it('leaves releases that verify from files alone, and no longer when any one byte is changed', async () => {
    const releases = await releasesOf(run);
    expect(await verify(run, releases)).to.equal(0);
    const last = (await readdir(releases)).find((name) => name.startsWith('24-')) ?? '';
    for (const [file, share] of [
      ['statement.json', 0.02],
      ['statement.json', 0.5],
      ['statement.json', 0.999],
      ['payload.bin', 0],
      ['payload.bin', 0.5],
      ['payload.bin', 0.9999],
    ] as const) {
      const copy = await mkdtemp(join(tmpdir(), 'cloister-changed-'));
      await cp(releases, copy, { recursive: true });
      const path = join(copy, last, file);
      const bytes = await readFile(path);
      const at = Math.floor(bytes.length * share);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      await writeFile(path, bytes);
      expect(await verify(run, copy), `${file} at ${at}`).to.equal(3);
      await rm(copy, { recursive: true, force: true });
    }
  });

  it('runs deep in a file system and without any Redis, says what that loses, and leaves nothing behind on Ctrl-C', async () => {
    const top = await mkdtemp(join(tmpdir(), 'cloister-demo-'));
    // Longer than the name of a unix socket may be (108 bytes).
    const folder = join(top, 'a-checkout-in-a-folder'.repeat(3), 'with-a-long-name'.repeat(4));
    const { REDIS_URL: _unset, ...environment } = process.env;
    const demo = startDemo(folder, top, { ...environment, PATH: '/nonexistent' });
    const { code, lines } = await follow(demo, (line) => {
      if (line.startsWith('  breast-cancer: round 4')) demo.kill('SIGINT');
    });
    expect(code, lines.join('\n')).to.equal(130);
    expect(lines.join('\n')).to.contain('jobs live in memory, and those under way are lost if the host stops');
    expect(await processesOf(top)).to.deep.equal([]);
    expect((await readdir(top)).filter((name) => name.startsWith('cloister-'))).to.deep.equal([]);
    await rm(top, { recursive: true, force: true });
  });
});
