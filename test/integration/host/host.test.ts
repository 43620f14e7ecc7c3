import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { commandIdOf } from '#host/command-queue.ts';
import { type RunningHost, startHost } from '#host/host.ts';
import { readHostOptions } from '#host/options.ts';
import { concat, toHex, u32be, utf8 } from '#shared/bytes/bytes.ts';
import { FakeEnclave } from '#test/fakes/host/fake-enclave.ts';
import { makeCommand, makeRelease, makeStudy, patternBytes } from '#test/fakes/host/files.ts';
import { realRedis, SILENT, temporaryFolder } from '#test/fakes/host/redis.ts';

const STUDY = makeStudy('heart');
const WEIGHTS = patternBytes(1024 * 1024 + 5, 9);

/** Whether an answer shows a command in this state. */
function isIn(state: string) {
  return (body: unknown) => typeof body === 'object' && body !== null && 'state' in body && body.state === state;
}

for (const kind of ['memory', 'Redis'] as const) {
  describe(`a host with its queue in ${kind}`, () => {
    let stops: (() => Promise<void>)[];
    let enclave: FakeEnclave;
    let host: RunningHost;
    let flags: string[];

    beforeEach(async function () {
      stops = [];
      const folder = await temporaryFolder();
      stops.unshift(() => folder.remove());
      const queue: string[] = [];
      if (kind === 'Redis') {
        const redis = await realRedis(this, join(folder.path, 'redis'));
        stops.unshift(() => redis.stop());
        queue.push('--queue', redis.socketPath);
      }
      enclave = await FakeEnclave.listen(join(folder.path, 'boundary'));
      stops.unshift(() => enclave.close());
      enclave.react = (message) => {
        const complete = message.name === 'study-weights' && message.body.last;
        if (!complete) return;
        enclave.send({ name: 'study-accepted', body: { manifestDigest: STUDY.manifestDigest, name: 'heart' } });
      };
      const studyFile = join(folder.path, 'study.json');
      const weightsFile = join(folder.path, 'weights.bin');
      await writeFile(studyFile, STUDY.envelope);
      await writeFile(weightsFile, WEIGHTS);
      flags = ['--listen', '127.0.0.1:0', '--enclave-socket', join(folder.path, 'none'), '--data', folder.path];
      flags.push('--boundary-socket', enclave.path, '--study', studyFile, '--weights', weightsFile, ...queue);
      host = await start();
    });

    afterEach(async () => {
      for (const stop of stops) await stop();
    });

    async function start(): Promise<RunningHost> {
      const options = readHostOptions(flags, {});
      if (options === undefined) throw new Error('help was not asked for');
      const started = await startHost(options, SILENT, '');
      stops.unshift(() => started.close());
      return started;
    }

    async function get(
      path: string,
      init: RequestInit = {},
    ): Promise<{ status: number; body: unknown; bytes: Uint8Array }> {
      const response = await fetch(`http://127.0.0.1:${host.port}${path}`, init);
      const bytes = new Uint8Array(await response.arrayBuffer());
      const isJson = response.headers.get('content-type') === 'application/json';
      return { status: response.status, body: isJson ? JSON.parse(Buffer.from(bytes).toString()) : undefined, bytes };
    }

    async function post(envelope: Uint8Array) {
      return get('/v1/commands', { method: 'POST', body: Buffer.from(envelope) });
    }

    /** Asks until `path` answers what `wanted` looks for; each question is a round trip, so nothing spins. */
    async function until(path: string, wanted: (body: unknown) => boolean): Promise<unknown> {
      for (;;) {
        const { body } = await get(path);
        if (wanted(body)) return body;
      }
    }

    it('offers the study with its weights, and shows it once the enclave has accepted it', async () => {
      const offered = await enclave.message('study');
      expect(offered.body.weightsBytes).to.equal(WEIGHTS.length);
      await enclave.message('study-weights', 2);
      const pieces = enclave.received.flatMap((message) => (message.name === 'study-weights' ? [message.body] : []));
      expect(Buffer.compare(concat(...pieces.map((piece) => piece.bytes)), WEIGHTS)).to.equal(0);
      expect(pieces.map((piece) => piece.offset)).to.deep.equal([0, 1024 * 1024]);
      const digest = toHex(STUDY.manifestDigest);
      await until('/v1/studies', (body) => Array.isArray(body) && body.length === 1);
      expect((await get('/v1/studies')).body).to.deep.equal([{ manifestDigest: digest, name: 'heart' }]);
      expect(Buffer.compare((await get(`/v1/studies/${digest}/manifest`)).bytes, STUDY.envelope)).to.equal(0);
      expect((await get(`/v1/studies/${digest}/evidence`)).status).to.equal(404);
      expect((await get('/healthz')).body).to.deep.equal({
        status: 'ok',
        enclave: true,
        queue: kind === 'Redis' ? 'redis' : 'memory',
      });
    });

    it('gives the enclave its endorsements before the study, and again when they have changed', async () => {
      const folder = join(enclave.path, '..', 'endorsements');
      await mkdir(folder);
      await writeFile(join(folder, 'ark.cert.der'), Uint8Array.of(1));
      await stops.shift()?.();
      enclave.received.length = 0;
      flags.push('--endorsements', folder);
      host = await start();
      await enclave.message('study');
      const [first] = enclave.received;
      const certificate = { kind: 'certificate' as const, bytes: Uint8Array.of(1) };
      expect(first).to.deep.equal({ name: 'endorsements', body: { items: [certificate] } });
      await writeFile(join(folder, 'ark.crl.der'), Uint8Array.of(2));
      await host.rereadEndorsements();
      const { body } = await enclave.message('endorsements', 2);
      expect(body.items).to.deep.equal([certificate, { kind: 'crl', bytes: Uint8Array.of(2) }]);
    });

    it('answers a waiting reader when the release lands, and serves ranges of its payload', async () => {
      const made = makeRelease(STUDY.manifestDigest, 1, patternBytes(3 * 1024 * 1024 + 1, 1));
      const release = toHex(made.release);
      await enclave.message('study-weights', 2);
      const waiting = get(`/v1/releases/${release}/statement?waitMs=30000`);
      await until('/metrics?', () => true);
      enclave.publish(made);
      expect(Buffer.compare((await waiting).bytes, made.statement)).to.equal(0);
      expect(toHex((await enclave.message('release-stored')).body.release)).to.equal(release);
      const whole = await get(`/v1/releases/${release}/payload`);
      expect(Buffer.compare(whole.bytes, made.payload)).to.equal(0);
      const part = await get(`/v1/releases/${release}/payload`, { headers: { range: 'bytes=1048570-1048580' } });
      expect(part.status).to.equal(206);
      expect(Buffer.compare(part.bytes, made.payload.subarray(1_048_570, 1_048_581))).to.equal(0);
      const beyond = await get(`/v1/releases/${release}/payload`, { headers: { range: 'bytes=9999999-' } });
      expect(beyond.status).to.equal(416);
      expect((await get(`/v1/studies/${toHex(STUDY.manifestDigest)}/releases`)).body).to.deep.equal([
        { round: 1, release },
      ]);
    });

    it('serves its releases after it was started again', async () => {
      const made = makeRelease(STUDY.manifestDigest, 4, patternBytes(1000, 2));
      const path = `/v1/releases/${toHex(made.release)}`;
      await enclave.message('study-weights', 2);
      enclave.publish(made);
      expect((await get(`${path}/statement?waitMs=30000`)).status).to.equal(200);
      await stops.shift()?.();
      host = await start();
      expect(Buffer.compare((await get(`${path}/payload`)).bytes, made.payload)).to.equal(0);
    });

    it('keeps a start command active with its progress until the run is over', async () => {
      const envelope = makeCommand('start', 'a');
      const posted = await post(envelope);
      const id = commandIdOf(envelope);
      expect(posted.status).to.equal(202);
      expect(posted.body).to.deep.equal({ id });
      const command = await enclave.message('command');
      expect(Buffer.compare(command.body.envelope, envelope)).to.equal(0);
      enclave.send({ name: 'command-result', body: { id, accepted: true, code: null, detail: '' } });
      enclave.send({ name: 'command-progress', body: { id, round: 2, rounds: 5 } });
      const inFlight = await until(`/v1/commands/${id}`, (body) => JSON.stringify(body).includes('"round":2'));
      expect(inFlight).to.deep.equal({ state: 'active', progress: { round: 2, rounds: 5 }, result: null });
      enclave.send({ name: 'command-done', body: { id, phase: 'finished' } });
      const done = await until(`/v1/commands/${id}`, isIn('completed'));
      expect(done).to.have.deep.property('result', { accepted: true, phase: 'finished' });
    });

    it('completes a pause command with its answer, and hands a command posted twice over once', async () => {
      const envelope = makeCommand('pause', 'b');
      const id = commandIdOf(envelope);
      await post(envelope);
      await post(envelope);
      await enclave.message('command');
      enclave.send({ name: 'command-result', body: { id, accepted: true, code: null, detail: '' } });
      await until(`/v1/commands/${id}`, isIn('completed'));
      expect(enclave.received.filter((message) => message.name === 'command')).to.have.length(1);
    });

    it('fails a refused command with the code of the enclave, without another try', async () => {
      const envelope = makeCommand('start', 'c');
      const id = commandIdOf(envelope);
      await post(envelope);
      await enclave.message('command');
      const detail = 'expired at 1, now 2';
      enclave.send({ name: 'command-result', body: { id, accepted: false, code: 'COMMAND_EXPIRED', detail } });
      const failed = await until(`/v1/commands/${id}`, isIn('failed'));
      expect(failed).to.have.deep.property('result', { accepted: false, code: 'COMMAND_EXPIRED', detail });
      expect(enclave.received.filter((message) => message.name === 'command')).to.have.length(1);
    });

    it('hands a command over again when the connection was lost before the answer', async () => {
      const envelope = makeCommand('stop', 'd');
      const id = commandIdOf(envelope);
      await post(envelope);
      await enclave.message('command');
      enclave.hangUp();
      await enclave.message('command', 2);
      enclave.send({ name: 'command-result', body: { id, accepted: true, code: null, detail: '' } });
      await until(`/v1/commands/${id}`, isIn('completed'));
    });

    it('hangs up on an enclave that breaks the protocol, and connects again', async () => {
      await enclave.connected();
      enclave.sendBytes(u32be(0));
      await enclave.message('study', 2);
    });

    for (const [what, path, status, code] of [
      ['a digest in capitals', `/v1/releases/${'A'.repeat(64)}/statement`, 400, 'DIGEST_INVALID'],
      ['a digest that is a path', '/v1/releases/..%2f..%2fetc/payload', 400, 'DIGEST_INVALID'],
      ['an unknown release', `/v1/releases/${'a'.repeat(64)}/payload`, 404, 'RELEASE_UNKNOWN'],
      ['an unknown study', `/v1/studies/${'a'.repeat(64)}/manifest`, 404, 'STUDY_UNKNOWN'],
      ['a wait that is too long', `/v1/releases/${'a'.repeat(64)}/statement?waitMs=30001`, 400, 'WAIT_INVALID'],
      ['a wait that is no number', `/v1/releases/${'a'.repeat(64)}/statement?waitMs=-1`, 400, 'WAIT_INVALID'],
      ['an unknown command', `/v1/commands/command-${'a'.repeat(64)}`, 404, 'COMMAND_UNKNOWN'],
      ['a command id that is none', '/v1/commands/12', 400, 'COMMAND_ID_INVALID'],
      ['an unknown path', '/etc/passwd', 404, 'PATH_UNKNOWN'],
    ] as const) {
      it(`answers ${what} with ${status} ${code}`, async () => {
        const answer = await get(path);
        expect(answer.status).to.equal(status);
        expect(answer.body).to.have.nested.property('error.code', code);
      });
    }

    it('answers a body that is too large with 413, stated or not, and one that is no command with 400', async () => {
      const large = await post(new Uint8Array(16 * 1024 + 1));
      expect(large.status).to.equal(413);
      const streamed = new Promise<number | undefined>((resolve, reject) => {
        const sending = request({ port: host.port, method: 'POST', path: '/v1/commands' });
        sending.once('response', (response) => resolve(response.statusCode));
        sending.once('error', reject);
        // No content-length: the host learns the size as it reads.
        sending.write(Buffer.alloc(17 * 1024));
      });
      expect(await streamed).to.equal(413);
      expect((await post(utf8('{}'))).status).to.equal(400);
      expect((await get('/healthz', { method: 'DELETE' })).status).to.equal(405);
    });
  });
}
