import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { momentsLayout } from '#client/trainer/standardisation.ts';
import { nitroAttester } from '#enclave/attester/nitro.ts';
import { nodeAttesterPorts } from '#enclave/attester/transport/node-ports.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { FaultCode } from '#shared/fault/codes.ts';
import { encodeKeyFile } from '#shared/keys/key-file.ts';
import { encodeMessage } from '#shared/protocol/messages.ts';
import { fakeRelease, fakeRound, serve } from '#test/fakes/enclave-round.ts';
import { FakeEnclave } from '#test/fakes/enclave-session.ts';
import { runParticipant } from '#test/fakes/participant-run.ts';
import { type FakeStudy, fakeStudy } from '#test/fakes/participant-study.ts';
import { type FakePlatform, fakePlatform } from '#test/fakes/tee/enclave.ts';
import { type Ledger, type Told, tell } from './ledger.ts';

/** What `cloister participant` says when the enclave behind a real socket does wrong. */
export function sessionFaults(ledger: Ledger): void {
  let folder = '';
  let platform: FakePlatform;
  let fake: FakeStudy;
  let enclave: FakeEnclave;
  let origin: URL;
  const at = (name: string): string => join(folder, name);

  before(async () => {
    platform = await fakePlatform(Date.now());
    fake = fakeStudy(platform, { tensors: momentsLayout(2) });
    folder = await mkdtemp(join(tmpdir(), 'cloister-faults-'));
    await writeFile(at('study.json'), fake.signed);
    await writeFile(at('mary.key'), encodeKeyFile({ ...fake.keys, kind: 'participant' }), { mode: 0o600 });
    await writeFile(at('policy.yaml'), stringify(fake.policy, { aliasDuplicateObjects: false }));
    await writeFile(at('rows.csv'), 'age,size,label\n1,10,0\n3,30,1\n');
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    enclave = new FakeEnclave(platform, fake.study.digest);
    origin = await enclave.listen();
  });
  afterEach(() => enclave.close());

  /** Takes part; ends by Ctrl-C at the first event that `enough` names, if nothing ends it before. */
  const takePart = (data = 'rows.csv', enough?: string): Promise<Told> => {
    const files = ['--study', at('study.json'), '--key', at('mary.key'), '--policy', at('policy.yaml')];
    const rest = ['--data', at(data), '--trainer', 'moments', '--store', at('releases'), '--json'];
    return tell(['participant', '--host', origin.href, ...files, ...rest], {
      onOutput: (text, interrupt) => {
        if (enough !== undefined && text.includes(`"kind":"${enough}"`)) interrupt();
      },
    });
  };
  const endsWith = async (code: FaultCode, exit: number): Promise<void> => {
    const { stderr, code: found } = await takePart();
    const [line = '{}'] = stderr.split('\n').filter((each) => each.startsWith('{"error"'));
    const { error }: { readonly error?: { readonly code: string } } = JSON.parse(line);
    ledger.provoked(error?.code, code, stderr);
    expect(found).to.equal(exit);
  };
  /** The first event of a kind that a run told. */
  const event = ({ stdout }: Told, kind: string): Readonly<Record<string, unknown>> => {
    const events: Readonly<Record<string, unknown>>[] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    return events.find((each) => each['kind'] === kind) ?? {};
  };
  const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

  it('evidence for another manifest is EVIDENCE_UNBOUND, exit code 3', async () => {
    enclave.bend = { boundManifest: new Uint8Array(32).fill(9) };
    await endsWith('EVIDENCE_UNBOUND', 3);
  });

  it('evidence that was cut short is EVIDENCE_REFUSED, exit code 3', async () => {
    enclave.bend = { attest: (attest) => ({ ...attest, document: attest.document.subarray(0, 900) }) };
    await endsWith('EVIDENCE_REFUSED', 3);
  });

  it('a welcome that another key signed is ENCLAVE_SIGNATURE_INVALID, exit code 3', async () => {
    enclave.bend = { welcomeKey: nodeCrypto.ed25519Generate().secretKey };
    await endsWith('ENCLAVE_SIGNATURE_INVALID', 3);
  });

  it('a signed opening for another layout is ENCLAVE_STATEMENT_WRONG, exit code 3', async () => {
    const base = await fakeRelease(enclave, fake.study, undefined);
    enclave.script = async (session) => {
      await session.send(fakeRound(enclave, fake.study, base, { layoutDigest: new Uint8Array(32) }).message);
    };
    await endsWith('ENCLAVE_STATEMENT_WRONG', 3);
  });

  it('a refusal of the identity is PEER_REFUSED, exit code 3', async () => {
    enclave.bend = {
      insteadOfWelcome: async (channel) => [
        await channel.seal(encodeMessage({ name: 'close', body: { code: 'PARTICIPANT_UNKNOWN', retryAfterMs: 0 } })),
      ],
    };
    await endsWith('PEER_REFUSED', 3);
  });

  it('a welcome that was altered on its way is SESSION_TAMPERED, told as the reason for joining anew', async () => {
    enclave.bend = {
      insteadOfWelcome: async (channel) => {
        const frame = await channel.seal(encodeMessage({ name: 'phase', body: { round: 0, phase: 'idle' } }));
        frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 1;
        return [frame];
      },
    };
    const run = await takePart('rows.csv', 'reconnecting');
    ledger.provoked(textOf(event(run, 'reconnecting')['code']), 'SESSION_TAMPERED', run.stdout);
    expect(run.code).to.equal(130);
  });

  it('data that have more moments than the model is TRAINER_FAILED, told to people and to the enclave', async () => {
    await writeFile(at('wide.csv'), 'age,size,height,label\n1,10,5,0\n3,30,7,1\n');
    const base = await fakeRelease(enclave, fake.study, undefined);
    serve(enclave, fake.study, base);
    let reason: unknown;
    enclave.script = async (session) => {
      await session.send(fakeRound(enclave, fake.study, base).message);
      await session.expect('held');
      ({ reason } = await session.expect('decline'));
      await session.send({ name: 'phase', body: { round: 1, phase: 'stopped' } });
      await session.expect('leave');
    };
    const run = await takePart('wide.csv');
    ledger.provoked(textOf(event(run, 'declined')['reason']), 'TRAINER_FAILED', run.stdout + run.stderr);
    expect(reason).to.equal('TRAINER_FAILED');
  });

  it('a device that does not answer is ATTESTER_FAILED, told as the reason for joining anew', async () => {
    // The participant of the fakes lives at the fakes' instant.
    const past = await fakePlatform();
    const demanding = fakeStudy(past, { demandsEvidence: true });
    const device = await nitroAttester.open(nodeAttesterPorts(nodeCrypto, ''), { device: at('no-device.sock') });
    const codes: string[] = [];
    await enclave.close();
    enclave = new FakeEnclave(past, demanding.study.digest);
    const run = runParticipant(await enclave.listen(), demanding, {
      attester: {
        evidenceFor: async (reportData) => ({ platform: 'aws-nitro', ...(await device.attest(reportData)) }),
      },
      onEvent: (each) => {
        if (each.kind !== 'reconnecting') return;
        codes.push(each.code);
        run.leave();
      },
    });
    expect(await run.end).to.include({ kind: 'left' });
    ledger.provoked(codes[0], 'ATTESTER_FAILED');
  });
}
