import { expect } from 'chai';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { plainFrame, sealedHeader } from '#shared/protocol/frames.ts';
import { encodeClose } from '#shared/protocol/handshake.ts';
import { encodeMessage } from '#shared/protocol/messages.ts';
import { type EnclaveBend, FakeEnclave } from '#test/fakes/enclave-session.ts';
import { faultCode, type Run, type RunOptions, runParticipant } from '#test/fakes/participant-run.ts';
import { type FakeStudy, fakeStudy } from '#test/fakes/participant-study.ts';
import { contentsOf, type FakePlatform, fakePlatform, policyFor } from '#test/fakes/tee/enclave.ts';

describe('joining a study', () => {
  let platform: FakePlatform;
  let fake: FakeStudy;
  let enclave: FakeEnclave;
  let origin: URL;

  before(async () => {
    platform = await fakePlatform();
    fake = fakeStudy(platform);
  });

  beforeEach(async () => {
    enclave = new FakeEnclave(platform, fake.study.digest);
    origin = await enclave.listen();
  });

  afterEach(() => enclave.close());

  function run(bend: EnclaveBend, options: RunOptions = {}): Run {
    enclave.bend = bend;
    return runParticipant(origin, fake, options);
  }

  it('joins an enclave whose evidence passes both policies, and reports that it is emulated', async () => {
    enclave.script = async (session) => {
      await session.expect('leave');
    };
    const { events, end, leave } = run({}, { onEvent: (event) => event.kind === 'joined' && leave() });
    expect(await end).to.deep.equal({ kind: 'left', release: undefined });
    expect(events.map(({ kind }) => kind)).to.deep.equal(['attested', 'joined', 'left']);
    const [attested] = events;
    if (attested?.kind !== 'attested') throw new Error('not attested');
    expect(attested.emulated).to.equal(true);
    expect(attested.measurements['PCR0']).to.equal(toHex(platform.pcrs.get(0) ?? new Uint8Array()));
    expect(enclave.failures).to.deep.equal([]);
  });

  const cases: readonly [string, string, () => EnclaveBend][] = [
    ['evidence for another manifest', 'EVIDENCE_UNBOUND', () => ({ boundManifest: new Uint8Array(32).fill(9) })],
    ['evidence that answers another nonce', 'EVIDENCE_UNBOUND', () => ({ answeredNonce: new Uint8Array(32).fill(9) })],
    [
      'evidence for another kem key',
      'EVIDENCE_UNBOUND',
      () => ({ attest: (attest) => ({ ...attest, kemKey: nodeCrypto.xWing.generate().publicKey }) }),
    ],
    [
      'evidence for another signing key',
      'EVIDENCE_UNBOUND',
      () => ({ attest: (attest) => ({ ...attest, signingKey: nodeCrypto.ed25519Generate().publicKey }) }),
    ],
    [
      'evidence that was altered',
      'EVIDENCE_REFUSED',
      () => ({
        attest: (attest) => {
          const document = attest.document.slice();
          document[document.length - 1] = (document.at(-1) ?? 0) ^ 1;
          return { ...attest, document };
        },
      }),
    ],
    [
      'evidence that was cut short',
      'EVIDENCE_REFUSED',
      () => ({ attest: (attest) => ({ ...attest, document: attest.document.subarray(0, 900) }) }),
    ],
    [
      'evidence of an unknown platform',
      'EVIDENCE_REFUSED',
      () => ({ attest: (attest) => ({ ...attest, platform: 'no-such-tee' }) }),
    ],
  ];
  for (const [what, code, bend] of cases) {
    it(`refuses ${what} before it says who it is`, async () => {
      const { end, events } = run(bend());
      expect(await faultCode(end)).to.equal(code);
      expect(events).to.deep.equal([]);
    });
  }

  it('refuses an enclave that only the manifest accepts', async () => {
    const own = { ...fake.policy, enclaves: [enclaveMeasuring('ab'.repeat(48))] };
    const { end } = run({}, { policies: [own] });
    expect(await faultCode(end)).to.equal('EVIDENCE_REFUSED');
  });

  it('refuses an enclave that only its own policy accepts', async () => {
    const strict = fakeStudy(platform, { enclaves: [enclaveMeasuring('ab'.repeat(48))] });
    await enclave.close();
    enclave = new FakeEnclave(platform, strict.study.digest);
    const { end } = runParticipant(await enclave.listen(), strict);
    expect(await faultCode(end)).to.equal('EVIDENCE_REFUSED');
  });

  it('refuses an emulated root that its own policy does not name', async () => {
    const { enclaves } = fake.policy;
    const { end } = run({}, { policies: [{ enclaves }] });
    expect(await faultCode(end)).to.equal('EVIDENCE_REFUSED');
  });

  it('refuses evidence older than its policy allows', async () => {
    const { end, clock } = run({}, { policies: [{ ...fake.policy, maximumAgeSeconds: 1 }] });
    clock.advance(2000);
    expect(await faultCode(end)).to.equal('EVIDENCE_REFUSED');
  });

  it('refuses a welcome that the attested key did not sign', async () => {
    const { end } = run({ welcomeKey: nodeCrypto.ed25519Generate().secretKey });
    expect(await faultCode(end)).to.equal('ENCLAVE_SIGNATURE_INVALID');
  });

  it('stops when the attested enclave refuses the identity', async () => {
    const { end } = run({
      insteadOfWelcome: async (channel) => [
        await channel.seal(encodeMessage({ name: 'close', body: { code: 'PARTICIPANT_UNKNOWN', retryAfterMs: 0 } })),
      ],
    });
    const error = await end.catch((cause: unknown) => cause);
    expect(error).to.have.property('code', 'PEER_REFUSED');
    expect(error).to.have.property('message').that.includes('PARTICIPANT_UNKNOWN');
  });

  it('does not stop for one forged close, but for five in a row', async () => {
    const hint = plainFrame('close', encodeClose({ code: 'STUDY_UNKNOWN', retryAfterMs: 0 }));
    const { end, events } = run({ insteadOfAttest: [hint] });
    expect(await faultCode(end)).to.equal('PEER_REFUSED');
    expect(enclave.connections).to.equal(5);
    expect(events.map(({ kind }) => kind)).to.deep.equal(Array(4).fill('reconnecting'));
  });

  const tampered: readonly [string, () => EnclaveBend][] = [
    ['an attest frame that does not decode', () => ({ insteadOfAttest: [Uint8Array.of(0x02, 0xc0)] })],
    ['a frame of no known kind', () => ({ insteadOfAttest: [Uint8Array.of(0x77, 1, 2)] })],
    [
      'a welcome that was altered on its way',
      () => ({
        insteadOfWelcome: async (channel) => {
          const frame = await channel.seal(encodeMessage({ name: 'phase', body: { round: 0, phase: 'idle' } }));
          frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 1;
          return [frame];
        },
      }),
    ],
    [
      'another message in place of the welcome',
      () => ({
        insteadOfWelcome: async (channel) => [
          await channel.seal(encodeMessage({ name: 'phase', body: { round: 0, phase: 'idle' } })),
        ],
      }),
    ],
    [
      'a frame of another sequence',
      () => ({
        insteadOfWelcome: async () => [new Uint8Array([...sealedHeader(3), ...new Uint8Array(40)])],
      }),
    ],
  ];
  for (const [what, bend] of tampered) {
    it(`joins anew after ${what}`, async () => {
      const { end, events, leave } = run(bend(), { onEvent: (event) => event.kind === 'reconnecting' && leave() });
      expect((await end).kind).to.equal('left');
      const [last] = events.filter(({ kind }) => kind === 'reconnecting');
      expect(last).to.have.property('code', 'SESSION_TAMPERED');
    });
  }

  it('shows evidence that is bound to this session where the manifest demands it', async () => {
    const demanding = fakeStudy(platform, { demandsEvidence: true });
    await enclave.close();
    enclave = new FakeEnclave(platform, demanding.study.digest);
    let shown: unknown;
    let bound: Uint8Array | undefined;
    enclave.script = async (session) => {
      shown = session.join.evidence;
      await session.expect('leave');
    };
    const attester = {
      evidenceFor: async (reportData: Uint8Array) => {
        bound = reportData;
        return {
          platform: 'aws-nitro' as const,
          document: contentsOf(platform).pcrs.get(0) ?? reportData,
          endorsements: [],
        };
      },
    };
    const { end, leave } = runParticipant(await enclave.listen(), demanding, {
      attester,
      onEvent: (event) => event.kind === 'joined' && leave(),
    });
    await end;
    expect(bound).to.have.lengthOf(64);
    expect(shown).to.have.property('platform', 'aws-nitro');
  });

  it('says what is missing before it connects', async () => {
    const demanding = fakeStudy(platform, { demandsEvidence: true });
    const others = fakeStudy(platform);
    const unfit: readonly [FakeStudy, RunOptions][] = [
      [fake, { participant: 'nobody' }],
      [fake, { keys: others.keys }],
      [demanding, {}],
      [fakeStudy(platform, { recipients: ['jude'] }), {}],
    ];
    for (const [study, options] of unfit) {
      expect(await faultCode(runParticipant(origin, study, options).end)).to.equal('CONFIG_INVALID');
    }
    expect(enclave.connections).to.equal(0);
  });

  function enclaveMeasuring(PCR0: string): FakeStudy['policy']['enclaves'][number] {
    const [accepted] = policyFor(platform).enclaves;
    if (accepted === undefined) throw new Error('a policy accepts an enclave');
    return { ...accepted, measurements: { PCR0 } };
  }
});
