import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { runCli } from '#client/cli/main.ts';
import { decodeStandardisation } from '#client/participant/standardisation-file.ts';
import { momentsLayout } from '#client/trainer/standardisation.ts';
import { nsmDevice } from '#infra/emulator/nsm-device.ts';
import { serveNsm } from '#infra/emulator/nsm-server.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { encodeKeyFile } from '#shared/keys/key-file.ts';
import { fakeRelease, fakeRound, grantOf, receiptOf, serve, takeBegin, takeChunks } from '#test/fakes/enclave-round.ts';
import { FakeEnclave, type FakeSession } from '#test/fakes/enclave-session.ts';
import { type FakeStudy, fakeStudy } from '#test/fakes/participant-study.ts';
import { type FakePlatform, fakePlatform } from '#test/fakes/tee/enclave.ts';

describe('cloister participant', () => {
  let folder: string;
  let platform: FakePlatform;
  let fake: FakeStudy;
  let enclave: FakeEnclave;
  let origin: URL;

  before(async () => {
    platform = await fakePlatform(Date.now());
    fake = fakeStudy(platform, { tensors: momentsLayout(2) });
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-participant-'));
    enclave = new FakeEnclave(platform, fake.study.digest);
    origin = await enclave.listen();
    await writeFile(join(folder, 'study.json'), fake.signed);
    await writeFile(join(folder, 'mary.key'), encodeKeyFile({ ...fake.keys, kind: 'participant' }), { mode: 0o600 });
    await writeFile(join(folder, 'policy.yaml'), stringify(fake.policy, { aliasDuplicateObjects: false }));
    await writeFile(join(folder, 'data.csv'), 'age,size,label\n1,10,0\n3,30,1\n');
  });

  afterEach(async () => {
    await enclave.close();
    await rm(folder, { recursive: true });
  });

  const file = (name: string): string => join(folder, name);

  async function run(signal: AbortSignal, ...extra: string[]) {
    const written = { stdout: '', stderr: '' };
    const args = [
      'participant',
      '--host',
      origin.href,
      '--study',
      file('study.json'),
      '--key',
      file('mary.key'),
      '--policy',
      file('policy.yaml'),
      '--data',
      file('data.csv'),
      '--trainer',
      'moments',
      '--store',
      file('releases'),
      ...extra,
    ];
    const code = await runCli(args, {
      stdout: { write: (text) => (written.stdout += text) },
      stderr: { write: (text) => (written.stderr += text) },
      environment: {},
      crypto: nodeCrypto,
      nowMs: () => Date.now(),
      signal,
    });
    return { code, ...written };
  }

  it('takes part in a moments study to its end, with events on stdout and the standardisation in a file', async () => {
    const first = await fakeRelease(enclave, fake.study, undefined);
    const second = await fakeRelease(enclave, fake.study, first, { weights: Float32Array.of(2, 4, 40, 10, 1000) });
    serve(enclave, fake.study, first, second);
    enclave.script = async (session) => {
      const round = fakeRound(enclave, fake.study, first);
      await session.send(round.message);
      await session.expect('held');
      const intake = await takeBegin(session, fake.study, round);
      await session.send(grantOf(intake, 0));
      await takeChunks(session, intake, intake.opener.chunkCount);
      await session.send(receiptOf(enclave, intake, intake.opener.digest()));
      await session.send({ name: 'released', body: { round: 1, release: second.release } });
      await session.expect('held');
      await session.send({ name: 'phase', body: { round: 1, phase: 'finished' } });
      await session.expect('leave');
    };
    const out = join(folder, 'standardisation.json');
    const { code, stdout, stderr } = await run(new AbortController().signal, '--json', '--out', out);
    expect(stderr).to.not.include('error');
    expect(code).to.equal(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string });
    expect(events.map(({ kind }) => kind)).to.include.members(['attested', 'receipt', 'held', 'ended']);
    expect(decodeStandardisation(new Uint8Array(await readFile(out)), 2).mean).to.deep.equal(Float32Array.of(2, 20));
    expect(await readdir(join(folder, 'releases'))).to.have.lengthOf(2);
  });

  it('says EMULATED to people, leaves in an orderly way when interrupted, and exits with 130', async () => {
    const interrupt = new AbortController();
    enclave.script = async (session) => {
      interrupt.abort();
      await session.expect('leave');
    };
    const { code, stdout, stderr } = await run(interrupt.signal);
    expect(code).to.equal(130);
    expect(stdout).to.equal('');
    expect(stderr).to.include('EMULATED').and.include('Left the study');
    expect(enclave.failures).to.deep.equal([]);
  });

  describe('of whom the manifest demands evidence', () => {
    beforeEach(async () => {
      fake = fakeStudy(platform, { tensors: momentsLayout(2), demandsEvidence: true });
      await enclave.close();
      enclave = new FakeEnclave(platform, fake.study.digest);
      origin = await enclave.listen();
      await writeFile(join(folder, 'study.json'), fake.signed);
      await rm(join(folder, 'mary.key'));
      await writeFile(join(folder, 'mary.key'), encodeKeyFile({ ...fake.keys, kind: 'participant' }), { mode: 0o600 });
    });
    after(() => {
      fake = fakeStudy(platform, { tensors: momentsLayout(2) });
    });

    it('shows the evidence of the device that it is told', async () => {
      const surroundings = { now: () => platform.atMs, randomBytes: nodeCrypto.randomBytes };
      const { root, pcrs } = platform;
      const device = nsmDevice({ root, pcrs, surroundings, moduleId: 'i-0123456789abcdef0-enc0123456789abcdef0' });
      const server = await serveNsm(device, join(folder, 'nsm.sock'));
      const interrupt = new AbortController();
      let shown: FakeSession['join']['evidence'] = null;
      enclave.script = async (session) => {
        shown = session.join.evidence;
        interrupt.abort();
        await session.expect('leave');
      };
      const { code, stderr } = await run(interrupt.signal, '--attester', 'aws-nitro', '--device', server.socketPath);
      await server.close();
      expect(code).to.equal(130);
      expect(stderr).to.not.include('does not accept the evidence of this machine');
      expect(shown).to.have.property('platform', 'aws-nitro');
      expect(shown).to.have.property('endorsements').that.deep.equals([]);
    });

    it('says what the manifest holds against its evidence, which the enclave will not say', async () => {
      const surroundings = { now: () => platform.atMs, randomBytes: nodeCrypto.randomBytes };
      const pcrs = new Map([...platform.pcrs, [0, new Uint8Array(48).fill(1)] as const]);
      const { root } = platform;
      const device = nsmDevice({ root, pcrs, surroundings, moduleId: 'i-0123456789abcdef0-enc0123456789abcdef0' });
      const server = await serveNsm(device, join(folder, 'nsm.sock'));
      const interrupt = new AbortController();
      enclave.script = async (session) => {
        interrupt.abort();
        await session.expect('leave');
      };
      const { stderr } = await run(interrupt.signal, '--attester', 'aws-nitro', '--device', server.socketPath);
      await server.close();
      expect(stderr)
        .to.include(
          'warning: the manifest does not accept the evidence of this machine as that of mary:\n  MEASUREMENT_MISMATCH',
        )
        .and.include('found  0101')
        .and.include('cloister evidence make');
    });

    it('says what was looked for when this machine has no device', async () => {
      const { code, stderr } = await run(new AbortController().signal, '--attester', 'intel-sgx');
      expect(code).to.equal(1);
      expect(stderr).to.include('ATTESTER_MISSING').and.include('there is no /dev/attestation/attestation_type');
    });

    it('refuses a device that it does not know', async () => {
      const { code, stderr } = await run(new AbortController().signal, '--attester', 'sgx');
      expect(code).to.equal(2);
      expect(stderr).to.include('--attester: found sgx, expected one of auto, aws-nitro');
    });
  });

  it('refuses an enclave that the policy file does not accept, with exit code 3', async () => {
    const enclaves = fake.policy.enclaves.map((each) => ({ ...each, measurements: { PCR0: 'ab'.repeat(48) } }));
    await writeFile(join(folder, 'policy.yaml'), stringify({ ...fake.policy, enclaves }));
    const { code, stderr } = await run(new AbortController().signal);
    expect(code).to.equal(3);
    expect(stderr).to.include('MEASUREMENT_MISMATCH');
  });
});
