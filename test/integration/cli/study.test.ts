import { EventEmitter } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CliRun, runCli } from './run-cli.ts';

const PCR0 = 'a'.repeat(96);

describe('cloister, from keys to a signed study', () => {
  let folder = '';
  const cli = (...args: readonly string[]): Promise<CliRun> => runCli(folder, args);
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-cli-'));
    expect((await cli('keygen', 'coordinator', '--name', 'Team')).code).to.equal(0);
    for (const id of ['mary', 'john']) {
      const run = await cli('keygen', 'participant', '--id', id, '--name', `St ${id}`);
      expect(run.code).to.equal(0);
      await writeFile(join(folder, `${id}.yaml`), run.stdout);
    }
    const run = await cli(
      'study',
      'new',
      '--key',
      'coordinator.key',
      '--participant',
      'mary.yaml',
      'john.yaml',
      '--measurement',
      PCR0,
      '--name',
      'trial',
    );
    expect(run.code, run.stderr).to.equal(0);
  });
  after(() => rm(folder, { recursive: true }));

  it('writes key files that only their owner can read, and prints nothing secret', async () => {
    const { mode } = await stat(join(folder, 'mary.key'));
    expect(mode & 0o777).to.equal(0o600);
    const secrets = [...(await text('mary.key')).matchAll(/"secretKey": "([^"]+)"/g)].map(([, secret]) => secret ?? '');
    expect(secrets).to.have.length(2);
    for (const secret of secrets) expect(await text('mary.yaml')).to.not.include(secret);
  });

  it('takes the policy for enclaves of any platform as an enclave prints it, and evidence of a participant', async () => {
    const minimums = { 'tcb.bootloader': 10, 'tcb.tee': 0, 'tcb.snp': 23, 'tcb.microcode': 84 };
    const enclave = { name: 'aggregator', platform: 'amd-sev-snp', measurements: { MEASUREMENT: PCR0 }, minimums };
    await writeFile(
      join(folder, 'launched.json'),
      `${JSON.stringify({ event: 'enclave-launched', policy: { enclaves: [enclave] } })}\n{"event":"enclave-ready"}\n`,
    );
    const key = {
      kind: 'key',
      name: 'server of St mary',
      platform: 'tpm-quote',
      sha256: 'ab'.repeat(32),
      emulated: false,
    };
    const server = { name: 'St mary', platform: 'tpm-quote', measurements: { PCR4: 'cd'.repeat(32) } };
    const evidence = JSON.stringify({ enclaves: [server], roots: [key] });
    await writeFile(join(folder, 'attesting.yaml'), `${await text('mary.yaml')}  evidence: ${evidence}\n`);
    const files = ['--enclaves', 'launched.json', '--participant', 'attesting.yaml', 'john.yaml'];
    const made = await cli('study', 'new', 'snp.yaml', '--key', 'coordinator.key', ...files);
    expect(made.code, made.stderr).to.equal(0);
    const checked = await cli('study', 'check', 'snp.yaml', '--json');
    expect(checked.code, checked.stdout).to.equal(0);
    const manifest = await text('snp.yaml');
    expect(manifest).to.include('tcb.microcode: 84').and.include('platform: tpm-quote').and.not.include('aws-nitro');
  });

  it('refuses a policy for enclaves that says too little, and one next to a measurement', async () => {
    const enclave = { name: 'aggregator', platform: 'amd-sev-snp', measurements: { MEASUREMENT: PCR0 } };
    await writeFile(join(folder, 'weak.json'), JSON.stringify({ enclaves: [enclave] }));
    const weak = await cli('study', 'new', 'weak.yaml', '--enclaves', 'weak.json');
    expect(weak.stderr).to.include(
      'error POLICY_INVALID: weak.json is no policy that can be used:\n  enclaves[0].measurements: reference values of amd-sev-snp must state MEASUREMENT and tcb.bootloader and tcb.tee and tcb.snp and tcb.microcode',
    );
    expect(weak.code).to.equal(2);
    const both = await cli('study', 'new', 'both.yaml', '--enclaves', 'weak.json', '--measurement', PCR0);
    expect(both.stderr).to.match(/^error CONFIG_INVALID: --enclaves is a whole policy/);
  });

  it('refuses to write over a key file', async () => {
    const before = await text('mary.key');
    const run = await cli('keygen', 'participant', '--id', 'mary');
    expect(run.code).to.equal(2);
    expect(run.stderr).to.match(/^error CONFIG_INVALID: mary\.key exists already/);
    expect(await text('mary.key')).to.equal(before);
  });

  it('refuses a key file that others may read', async () => {
    await chmod(join(folder, 'john.key'), 0o640);
    const run = await cli('keygen', 'show', 'john.key');
    expect(run.code).to.equal(1);
    expect(run.stderr).to.match(/^error KEY_FILE_INVALID: john\.key has mode 640.*chmod 600/);
  });

  it('shows the same public part again', async () => {
    const run = await cli('keygen', 'show', 'mary.key', '--id', 'mary', '--name', 'St mary');
    expect(run.stdout).to.equal(await text('mary.yaml'));
  });

  it('checks a complete new study and says what it will do', async () => {
    const run = await cli('study', 'check', 'study.yaml');
    expect(run.code, run.stdout + run.stderr).to.equal(0);
    expect(run.stdout)
      .to.match(/^digest +[0-9a-f]{64}$/m)
      .and.match(/^participants +2: St mary, St john$/m);
  });

  it('checks a study of plain tensors as well', async () => {
    const made = await cli(
      'study',
      'new',
      'tensors.yaml',
      '--template',
      'tensors',
      '--key',
      'coordinator.key',
      '--participant',
      'mary.yaml',
      '--measurement',
      PCR0,
      '--emulated-root',
      'b'.repeat(64),
    );
    expect(made.code, made.stderr).to.equal(0);
    const run = await cli('study', 'check', 'tensors.yaml');
    expect(run.code, run.stdout).to.equal(0);
    expect(run.stderr).to.include('EMULATED').and.include('a quorum of 1');
  });

  it('lists what is left to fill in, by line, and exits with 1', async () => {
    await cli('study', 'new', 'draft.yaml');
    const run = await cli('study', 'check', 'draft.yaml', '--json');
    expect(run.code).to.equal(1);
    const answer: unknown = JSON.parse(run.stdout);
    expect(answer).to.have.property('ok', false);
    expect(answer).to.have.nested.property('problems.length', 3);
    expect(answer).to.have.nested.property('problems[0].path', 'coordinator.key');
    const lines = (await text('draft.yaml')).split('\n');
    expect(answer).to.have.nested.property(
      'problems[0].line',
      lines.findIndex((line) => line.includes('key: FILL-IN')) + 1,
    );
  });

  it('tells the quorum that is too high by line', async () => {
    const manifest = (await text('study.yaml')).replace('quorum: 2', 'quorum: 9');
    await writeFile(join(folder, 'high.yaml'), manifest);
    const line = manifest.split('\n').findIndex((each) => each.includes('quorum: 9')) + 1;
    const run = await cli('study', 'check', 'high.yaml');
    expect(run.code).to.equal(1);
    expect(run.stdout).to.include(
      `rounds.quorum (line ${line}): found 9, expected at most the number of participants, 2`,
    );
  });

  it('signs a study with the key it names, and only with that', async () => {
    const signed = await cli('study', 'sign', 'study.yaml', '--key', 'coordinator.key');
    expect(signed.code, signed.stderr).to.equal(0);
    const checked = await cli('study', 'check', 'study.signed.json', '--json');
    expect(JSON.parse(checked.stdout)).to.include({ ok: true, signed: true });
    expect((await cli('keygen', 'coordinator', '--out', 'other.key')).code).to.equal(0);
    const other = await cli('study', 'sign', 'study.yaml', '--key', 'other.key', '--out', 'other.json');
    expect(other.code).to.equal(3);
    expect(other.stderr).to.match(/^error MANIFEST_SIGNATURE_INVALID: /);
    const participant = await cli('study', 'sign', 'study.yaml', '--key', 'mary.key', '--out', 'other.json');
    expect(participant.code).to.equal(1);
    expect(participant.stderr).to.include('holds the keys of a participant');
  });

  it('refuses a signed study that was changed', async () => {
    await cli('study', 'sign', 'study.yaml', '--key', 'coordinator.key', '--out', 'altered.json');
    const altered = (await text('altered.json')).replace(
      /"sig":"(.)/,
      (_, first: string) => `"sig":"${first === 'A' ? 'B' : 'A'}`,
    );
    await writeFile(join(folder, 'altered.json'), altered);
    const run = await cli('study', 'check', 'altered.json');
    expect(run.code).to.equal(3);
  });

  it('takes settings from the file, the environment and flags, the strongest last', async () => {
    await writeFile(join(folder, 'cloister.yaml'), 'study: from-file.yaml\n');
    const found = async (args: readonly string[], environment: Record<string, string>): Promise<string> =>
      (await runCli(folder, ['study', 'check', ...args], environment)).stderr;
    try {
      expect(await found([], {})).to.include('from-file.yaml cannot be read');
      expect(await found([], { CLOISTER_STUDY: 'from-environment.yaml' })).to.include(
        'from-environment.yaml cannot be read',
      );
      expect(await found(['from-flag.yaml'], { CLOISTER_STUDY: 'from-environment.yaml' })).to.include(
        'from-flag.yaml cannot be read',
      );
    } finally {
      await rm(join(folder, 'cloister.yaml'));
    }
  });

  it('exits with 2 for a wrong command, option or configuration', async () => {
    for (const args of [
      ['studdy'],
      ['study', 'chek'],
      ['study', 'check', '--nope'],
      ['study', 'check'],
      ['--config', 'none.yaml', 'study', 'check', 'study.yaml'],
    ]) {
      expect((await cli(...args)).code, args.join(' ')).to.equal(2);
    }
  });

  it('exits with 4 when the host cannot be reached', async () => {
    const run = await cli('study', 'status', 'study.yaml', '--host', 'http://127.0.0.1:9');
    expect(run.code).to.equal(4);
    expect(run.stderr).to.match(/^error CONNECTION_LOST: /);
  });

  it('exits with 130 when it is interrupted while the host is silent', async () => {
    const arrived = new EventEmitter();
    const silent = createServer(() => arrived.emit('request'));
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const args = ['study', 'status', 'study.yaml', '--host', `http://127.0.0.1:${port}`];
    const run = await runCli(folder, args, {}, (interrupt) => {
      arrived.once('request', interrupt);
    });
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
    expect(run.code).to.equal(130);
  });

  it('measures a file as the emulator does', async () => {
    await writeFile(join(folder, 'bundle.mjs'), 'abc');
    const run = await cli('measure', 'bundle.mjs', '--json');
    // SHA-384 of "abc", FIPS 180-2 appendix D.1.
    expect(JSON.parse(run.stdout)).to.have.property(
      'sha384',
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    );
  });

  it('says that the name of a socket is too long, before it starts an enclave', async () => {
    const places = ['--emulator', 'tee', '--boundary', 'b.sock', '--listen', `${'long-'.repeat(30)}.sock`];
    const run = await cli('enclave', ...places);
    expect(run.code).to.equal(2);
    expect(run.stderr).to.contain('too long for a unix socket');
  });

  it('explains itself for every command', async () => {
    const groups = [
      [],
      ['keygen'],
      ['keygen', 'coordinator'],
      ['keygen', 'participant'],
      ['study'],
      ['study', 'new'],
      ['study', 'check'],
      ['study', 'sign'],
      ['study', 'launch'],
      ['study', 'status'],
      ['release'],
      ['release', 'verify'],
      ['release', 'open'],
      ['evidence'],
      ['evidence', 'verify'],
      ['measure'],
      ['participant'],
    ];
    const runs = await Promise.all(groups.map((group) => cli(...group, '--help')));
    for (const [index, run] of runs.entries()) {
      expect(run.code, groups[index]?.join(' ')).to.equal(0);
      expect(run.stdout).to.match(/^Usage: cloister/);
    }
    expect(runs[0]?.stdout).to.include('Exit codes:');
  });
});
