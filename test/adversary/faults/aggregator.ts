import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { encodeKeyFile } from '#shared/keys/key-file.ts';
import { makeStudy } from '#test/fakes/aggregator/study.ts';
import { type CliRun, runCli } from '#test/integration/cli/run-cli.ts';
import { codeIn, type Ledger } from './ledger.ts';

const BIN = fileURLToPath(new URL('../../../scripts/cloister.mjs', import.meta.url));

/** A program of the aggregator, started as its operator starts it. */
class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(args: readonly string[]) {
    const env = { PATH: process.env['PATH'] ?? '' };
    const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** The fields of the next line with this event. */
  async event(name: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true) throw new Error(`the program ended without ${name}`);
      const fields: Readonly<Record<string, unknown>> = JSON.parse(value);
      if (fields['event'] === name) return fields;
    }
  }

  async stop(): Promise<void> {
    const exited = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.kill('SIGTERM');
    this.#child.stdout?.resume();
    await exited;
  }
}

/** What the real enclave and the real host, as processes of their own, lead a coordinator and an operator to. */
export function aggregatorFaults(ledger: Ledger): void {
  let folder = '';
  let host = '';
  const programs: Program[] = [];
  const at = (name: string): string => join(folder, name);
  const start = (...args: readonly string[]): Program => {
    const program = new Program(args);
    programs.push(program);
    return program;
  };
  const sockets = (): string[] => ['--enclave-socket', at('door.sock'), '--boundary-socket', at('boundary.sock')];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-faults-'));
    const places = ['--listen', at('door.sock'), '--boundary', at('boundary.sock')];
    const enclave = start('enclave', '--emulator', at('tee'), ...places);
    const { pcr0, rootSha256 } = await enclave.event('enclave-launched');
    await enclave.event('enclave-ready');
    const study = makeStudy({ pcr0: String(pcr0), rootSha256: String(rootSha256) });
    await writeFile(at('study.json'), study.envelope);
    const keys = encodeKeyFile({ kind: 'coordinator', signing: study.coordinator });
    await writeFile(at('coordinator.key'), keys, { mode: 0o600 });
    const platform = 'enclaves: [{ name: mine, platform: aws-nitro, measurements: ';
    await writeFile(at('other.yaml'), `${platform}{ PCR0: ${'a'.repeat(96)} } }]\n`);
    await writeFile(at('rootless.yaml'), `${platform}{ PCR0: ${String(pcr0)} } }]\n`);
    const data = ['--data', at('data'), '--listen', '127.0.0.1:0', '--study', at('study.json')];
    const program = start('host', ...sockets(), ...data);
    const ready = await program.event('ready');
    host = `http://127.0.0.1:${String(ready['port'])}`;
    await program.event('study-accepted');
  });
  after(async () => {
    for (const program of programs.toReversed()) await program.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const study = (command: string, ...args: readonly string[]): Promise<CliRun> =>
    runCli(folder, ['study', command, 'study.json', '--host', host, ...args]);

  it('a policy that names another PCR0 is EVIDENCE_REFUSED, exit code 3', async () => {
    const run = await study('status', '--policy', 'other.yaml');
    ledger.provoked(codeIn(run.stderr), 'EVIDENCE_REFUSED', run.stderr);
    expect(run.stderr).to.include('MEASUREMENT_MISMATCH');
    expect(run.code).to.equal(3);
  });

  it('an emulated root that one’s own policy does not name is EVIDENCE_REFUSED, exit code 3', async () => {
    const run = await study('status', '--policy', 'rootless.yaml');
    ledger.provoked(codeIn(run.stderr), 'EVIDENCE_REFUSED', run.stderr);
    expect(run.code).to.equal(3);
  });

  it('a pause before the start is PEER_REFUSED with the refusal of the enclave, exit code 3', async () => {
    const run = await study('pause', '--key', 'coordinator.key');
    ledger.provoked(codeIn(run.stderr), 'PEER_REFUSED', run.stderr);
    expect(run.stderr).to.include('COMMAND_ILLEGAL');
    expect(run.code).to.equal(3);
  });
}
