import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { encodeKeyFile } from '#shared/keys/key-file.ts';
import { floatsOf } from '#shared/model/parameters.ts';
import { openCommand } from '#shared/study/command.ts';
import { signStudy } from '#shared/study/signed-study.ts';
import { NOW_MS } from '#test/fakes/tee/enclave.ts';
import { runInProcess } from './in-process.ts';
import { sampleAggregator, weightsOf } from './sample-aggregator.ts';

type Sample = Awaited<ReturnType<typeof sampleAggregator>>;
type Served = Awaited<ReturnType<Sample['release']>>;

/** A command line at the instant at which the sample's evidence was made. */
const cli = (...args: readonly string[]) => runInProcess(args, { nowMs: NOW_MS });

describe('cloister against an aggregator', () => {
  let folder = '';
  let sample: Sample;
  let releases: readonly Served[] = [];
  let server: Server;
  let host = '';
  let status = new Uint8Array();
  let job: object = {};
  let posted: Uint8Array[] = [];
  const at = (name: string): string => join(folder, name);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-aggregator-'));
    sample = await sampleAggregator();
    const first = await sample.release(0, new Uint8Array(32));
    const second = await sample.release(1, first.release);
    releases = [first, second];
    for (const { round, envelope, payload } of releases) {
      await mkdir(at(`saved/release-${round}`), { recursive: true });
      await writeFile(at(`saved/release-${round}/statement.json`), envelope);
      await writeFile(at(`saved/release-${round}/payload.bin`), payload);
    }
    await writeFile(at('study.json'), signStudy(sample.study, sample.coordinator.signing.secretKey, nodeCrypto));
    await writeFile(at('coordinator.key'), encodeKeyFile(sample.coordinator), { mode: 0o600 });
    await writeFile(at('mary.key'), encodeKeyFile(sample.mary), { mode: 0o600 });
    await writeFile(at('evidence.json'), sample.evidenceFile);
    server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      const found = releases.find(({ release }) => path.includes(toHex(release)));
      const list = releases.map(({ round, release }) => ({ round, release: toHex(release) }));
      const parts: Uint8Array[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        if (request.method === 'POST') {
          posted.push(new Uint8Array(Buffer.concat(parts)));
          response.writeHead(202).end(JSON.stringify({ id: 'job-1' }));
        } else if (path.endsWith('/evidence')) response.end(sample.evidenceFile);
        else if (path.endsWith('/status')) response.end(status);
        else if (path.endsWith('/releases')) response.end(JSON.stringify(list));
        else if (path.endsWith('/statement')) response.end(found?.envelope);
        else if (path.endsWith('/payload')) response.end(found?.payload);
        else if (path === '/v1/commands/job-1') response.end(JSON.stringify(job));
        else response.writeHead(404).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address: AddressInfo | string | null = server.address();
    host = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    posted = [];
    status = Uint8Array.from(sample.status());
    job = { state: 'completed', progress: { round: 3, rounds: 3 }, result: { kind: 'done' } };
  });

  it('verifies saved releases from files alone and says EMULATED', async () => {
    const run = await cli('release', 'verify', at('saved'), '--study', at('study.json'));
    expect(run.code, run.err).to.equal(0);
    expect(run.out).to.include('2 releases verified: form, evidence, signature, study, chain, payload.');
    expect(run.err).to.include('EMULATED');
  });

  it('refuses a saved release with any one of many bytes changed', async () => {
    for (const name of ['statement.json', 'payload.bin']) {
      const file = at(`saved/release-1/${name}`);
      const whole = new Uint8Array(await readFile(file));
      for (let index = 0; index < whole.length; index += Math.ceil(whole.length / 25)) {
        await writeFile(file, whole.with(index, (whole[index] ?? 0) ^ 1));
        const run = await cli('release', 'verify', at('saved'), '--study', at('study.json'));
        expect(run.code, `${name} byte ${index}`).to.equal(3);
      }
      await writeFile(file, whole);
    }
  });

  it('refuses releases between which one is missing', async () => {
    const third = await sample.release(2, new Uint8Array(32).fill(1));
    await mkdir(at('gap/b'), { recursive: true });
    await mkdir(at('gap/a'), { recursive: true });
    await writeFile(at('gap/a/statement.json'), releases[0]?.envelope ?? '');
    await writeFile(at('gap/b/statement.json'), third.envelope);
    const run = await cli('release', 'verify', at('gap'), '--study', at('study.json'));
    expect(run.code).to.equal(3);
    expect(run.err).to.include('error RELEASE_UNCHAINED');
  });

  it('lists and verifies the same releases over a host', async () => {
    const run = await cli('release', 'list', '--study', at('study.json'), '--host', host, '--json');
    expect(run.code, run.err).to.equal(0);
    expect(JSON.parse(run.out)).to.have.length(2);
    const verified = await cli('release', 'verify', '--study', at('study.json'), '--host', host);
    expect(verified.code, verified.err).to.equal(0);
  });

  it('opens the newest release with the key of a recipient and writes its weights', async () => {
    const run = await cli(
      'release',
      'open',
      at('saved'),
      '--study',
      at('study.json'),
      '--key',
      at('mary.key'),
      '--out',
      at('model'),
    );
    expect(run.code, run.err).to.equal(0);
    const weights = floatsOf(new Uint8Array(await readFile(at('model/weights.f32'))));
    expect(weights).to.deep.equal(weightsOf(1));
    expect(JSON.parse(await readFile(at('model/layout.json'), 'utf8'))).to.deep.include({
      round: 1,
      metrics: { loss: 0.5 },
    });
  });

  it('opens no release for somebody whom the manifest does not name', async () => {
    await cli('keygen', 'participant', '--id', 'eve', '--out', at('eve.key'));
    const run = await cli(
      'release',
      'open',
      at('saved'),
      '--study',
      at('study.json'),
      '--key',
      at('eve.key'),
      '--out',
      at('x'),
    );
    expect(run.code).to.equal(1);
    expect(run.err).to.include('error RELEASE_SEALED');
  });

  it('refuses releases under a policy of one’s own that does not accept them', async () => {
    await writeFile(
      at('strict.yaml'),
      `enclaves: [{ name: other, platform: aws-nitro, measurements: { PCR0: ${'c'.repeat(96)} } }]\n`,
    );
    const run = await cli('release', 'verify', at('saved'), '--study', at('study.json'), '--policy', at('strict.yaml'));
    expect(run.code).to.equal(3);
    expect(run.err).to.include('error EVIDENCE_REFUSED');
  });

  it('verifies evidence in its time, and refuses it as stale a year later', async () => {
    const fresh = await cli('evidence', 'verify', at('evidence.json'), '--study', at('study.json'));
    expect(fresh.code, fresh.out).to.equal(0);
    const stale = await cli(
      'evidence',
      'verify',
      at('evidence.json'),
      '--study',
      at('study.json'),
      '--at',
      '2027-11-20T12:00:00Z',
    );
    expect(stale.code).to.equal(3);
    expect((await cli('evidence', 'show', at('evidence.json'))).out).to.include('None of it is proved');
  });

  it('launches with a command that the attested enclave accepts, and follows it', async () => {
    const run = await cli('study', 'launch', at('study.json'), '--host', host, '--key', at('coordinator.key'));
    expect(run.code, run.err).to.equal(0);
    expect(run.out).to.equal('start: done\n');
    const verdict = openCommand(posted[0] ?? new Uint8Array(), sample.study, NOW_MS, nodeCrypto);
    expect(verdict).to.have.nested.property('value.command', 'start');
    expect(verdict)
      .to.have.nested.property('value.instance')
      .that.deep.equals(nodeCrypto.digest('sha256', sample.signing.publicKey));
  });

  it('exits with 3 and the code when the enclave refuses a command', async () => {
    job = { state: 'failed', progress: 0, result: 'COMMAND_ILLEGAL: not now' };
    const run = await cli('study', 'pause', at('study.json'), '--host', host, '--key', at('coordinator.key'));
    expect(run.code).to.equal(3);
    expect(run.err).to.include('error PEER_REFUSED: the command was refused: COMMAND_ILLEGAL');
  });

  it('sends no command to an enclave that a policy refuses', async () => {
    const run = await cli(
      'study',
      'stop',
      at('study.json'),
      '--host',
      host,
      '--key',
      at('coordinator.key'),
      '--policy',
      at('strict.yaml'),
    );
    expect(run.code).to.equal(3);
    expect(posted).to.deep.equal([]);
  });

  it('shows a status that the enclave signed, and none that somebody else did', async () => {
    const run = await cli('study', 'status', at('study.json'), '--host', host);
    expect(run.code, run.err).to.equal(0);
    expect(run.out)
      .to.match(/^round +2 of 3$/m)
      .and.match(/^refusals +UPDATE_NOT_FINITE 1$/m);
    status = Uint8Array.from(sample.status(nodeCrypto.ed25519Generate().secretKey));
    const forged = await cli('study', 'status', at('study.json'), '--host', host);
    expect(forged.code).to.equal(3);
    expect(forged.err).to.include('error ENCLAVE_SIGNATURE_INVALID');
  });
});
