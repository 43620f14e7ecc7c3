import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCli } from '#test/integration/cli/run-cli.ts';
import { codeIn, type Ledger } from './ledger.ts';

/** As on a machine where the packages are broken: no tensor library can be loaded. */
const WITHOUT_TENSORS = `import { registerHooks } from 'node:module';
registerHooks({
  resolve(name, context, next) {
    if (/tfjs-(?:node|backend-wasm)/.test(name)) throw new Error('not installed');
    return next(name, context);
  },
});`;

const POLICY = `enclaves: [{ name: mine, platform: aws-nitro, measurements: { PCR0: ${'a'.repeat(96)} } }]\n`;

/** What the real `cloister`, as a process, says about files that are wrong. */
export function fileFaults(ledger: Ledger): void {
  let folder = '';
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const cli = (...args: readonly string[]) => runCli(folder, args);
  const taking = (changes: Readonly<Record<string, string>>): string[] => {
    const files = {
      study: 'study.signed.json',
      key: 'mary.key',
      policy: 'policy.yaml',
      data: 'rows.csv',
      host: 'http://127.0.0.1:9',
      store: 'releases',
    };
    return [
      'participant',
      ...Object.entries({ ...files, ...changes }).flatMap(([name, value]) => [`--${name}`, value]),
    ];
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-faults-'));
    const [, mary] = await Promise.all([cli('keygen', 'coordinator'), cli('keygen', 'participant', '--id', 'mary')]);
    await write('mary.yaml', mary.stdout);
    await write('policy.yaml', POLICY);
    await write('rows.csv', 'age,size,label\n1,10,0\n3,30,1\n');
    const draft = ['study', 'new', '--key', 'coordinator.key', '--participant', 'mary.yaml'];
    const made = await cli(...draft, '--features', '2', '--measurement', 'a'.repeat(96));
    expect(made.code, made.stderr).to.equal(0);
    const signed = await cli('study', 'sign', 'study.yaml', '--key', 'coordinator.key');
    expect(signed.code, signed.stderr).to.equal(0);
  });
  after(() => rm(folder, { recursive: true }));

  it('a file that is not there is CONFIG_INVALID, exit code 2', async () => {
    const run = await cli('study', 'check', 'nowhere.yaml');
    ledger.provoked(codeIn(run.stderr), 'CONFIG_INVALID', run.stderr);
    expect(run.code).to.equal(2);
  });

  it('a device that this machine does not have is ATTESTER_MISSING, exit code 1', async () => {
    const run = await cli('evidence', 'make', '--attester', 'intel-sgx', '--device', '/nowhere');
    ledger.provoked(codeIn(run.stderr), 'ATTESTER_MISSING', run.stderr);
    expect(run.code).to.equal(1);
  });

  it('a key file that everybody may read is KEY_FILE_INVALID, exit code 1', async () => {
    await write('open.key', await read('mary.key'));
    await chmod(join(folder, 'open.key'), 0o644);
    const run = await cli(...taking({ key: 'open.key' }));
    ledger.provoked(codeIn(run.stderr), 'KEY_FILE_INVALID', run.stderr);
    expect(run.code).to.equal(1);
  });

  it('a manifest that contradicts itself is MANIFEST_INVALID, exit code 1, and is not signed', async () => {
    await write('bad.yaml', (await read('study.yaml')).replace(/quorum: \d+/, 'quorum: 99'));
    const run = await cli('study', 'sign', 'bad.yaml', '--key', 'coordinator.key');
    ledger.provoked(codeIn(run.stderr), 'MANIFEST_INVALID', run.stderr);
    expect(run.code).to.equal(1);
  });

  it('a signed manifest with one character of its signature changed is MANIFEST_SIGNATURE_INVALID, exit code 3', async () => {
    const signed = await read('study.signed.json');
    const altered = signed.replace(/"sig":"(.)/, (_, first: string) => `"sig":"${first === 'A' ? 'B' : 'A'}`);
    expect(altered).to.not.equal(signed);
    await write('altered.json', altered);
    const run = await cli(...taking({ study: 'altered.json' }));
    ledger.provoked(codeIn(run.stderr), 'MANIFEST_SIGNATURE_INVALID', run.stderr);
    expect(run.code).to.equal(3);
  });

  it('a policy that accepts no enclave at all is POLICY_INVALID, exit code 2', async () => {
    await write('empty.yaml', 'enclaves: []\n');
    const run = await cli(...taking({ policy: 'empty.yaml' }));
    ledger.provoked(codeIn(run.stderr), 'POLICY_INVALID', run.stderr);
    expect(run.code).to.equal(2);
  });

  it('a word where the data should have a number is DATA_INVALID with its line, exit code 1', async () => {
    await write('bad.csv', 'age,size,label\n1,10,0\nthree,30,1\n');
    const run = await cli(...taking({ data: 'bad.csv' }));
    ledger.provoked(codeIn(run.stderr), 'DATA_INVALID', run.stderr);
    expect(run.stderr).to.include('bad.csv:3');
    expect(run.code).to.equal(1);
  });

  it('a machine without a tensor library is BACKEND_MISSING, exit code 1', async () => {
    const hook = `data:text/javascript,${encodeURIComponent(WITHOUT_TENSORS)}`;
    const run = await runCli(folder, taking({}), { NODE_OPTIONS: `--import=${hook}` });
    ledger.provoked(codeIn(run.stderr), 'BACKEND_MISSING', run.stderr);
    expect(run.code).to.equal(1);
  });

  it('a host that nobody runs is CONNECTION_LOST, exit code 4', async () => {
    const run = await cli('study', 'status', 'study.signed.json', '--host', 'http://127.0.0.1:9');
    ledger.provoked(codeIn(run.stderr), 'CONNECTION_LOST', run.stderr);
    expect(run.code).to.equal(4);
  });
}
