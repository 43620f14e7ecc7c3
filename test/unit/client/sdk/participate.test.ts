import { expect } from 'chai';
import type { ParticipantEvent } from '#client/sdk/events.ts';
import { memoryReleaseStore, type ReleaseStore } from '#client/sdk/release-store.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import { decodePrelude } from '#shared/update/prelude.ts';
import {
  type FakeIntake,
  type FakeRelease,
  fakeRelease,
  fakeRound,
  grantOf,
  receiptOf,
  refusalOf,
  serve,
  takeBegin,
  takeChunks,
} from '#test/fakes/enclave-round.ts';
import { FakeEnclave, type FakeSession } from '#test/fakes/enclave-session.ts';
import { keepRelease } from '#test/fakes/keep-release.ts';
import {
  DELTA,
  faultCode,
  type Run,
  type RunOptions,
  runParticipant,
  steadyTrainer,
} from '#test/fakes/participant-run.ts';
import { type FakeStudy, fakeStudy, PARAMETER_COUNT } from '#test/fakes/participant-study.ts';
import { type FakePlatform, fakePlatform } from '#test/fakes/tee/enclave.ts';

const kinds = (events: readonly ParticipantEvent[]): readonly string[] => events.map(({ kind }) => kind);

/** The store of a participant that followed `release` before. */
async function storeThatHolds(release: FakeRelease): Promise<ReleaseStore> {
  const store = memoryReleaseStore();
  const held = { digest: release.release, round: release.round, previous: new Uint8Array(32) };
  const weights = new Float32Array(PARAMETER_COUNT);
  await keepRelease(store, { ...held, statement: release.envelope, weights }, [release.payload]);
  return store;
}

describe('taking part in a study', () => {
  let platform: FakePlatform;
  let fake: FakeStudy;
  let enclave: FakeEnclave;
  let origin: URL;
  let first: FakeRelease;
  let second: FakeRelease;

  before(async () => {
    platform = await fakePlatform();
    fake = fakeStudy(platform);
  });

  beforeEach(async () => {
    enclave = new FakeEnclave(platform, fake.study.digest);
    origin = await enclave.listen();
    first = await fakeRelease(enclave, fake.study, undefined);
    second = await fakeRelease(enclave, fake.study, first);
    serve(enclave, fake.study, first, second);
  });

  afterEach(async () => {
    await enclave.close();
    expect(enclave.failures).to.deep.equal([]);
  });

  function run(options: RunOptions = {}): Run {
    return runParticipant(origin, fake, options);
  }

  /** Says that the study is over and waits for the participant to go. */
  async function finish(session: FakeSession): Promise<void> {
    await session.send({ name: 'released', body: { round: 1, release: second.release } });
    expect(await session.expect('held')).to.deep.equal({ release: second.release });
    await session.send({ name: 'phase', body: { round: 1, phase: 'finished' } });
    await session.expect('leave');
  }

  it('trains on the base release, uploads, has its receipt, and holds the last release at the end', async () => {
    const trainer = steadyTrainer();
    let intake: FakeIntake | undefined;
    enclave.script = async (session) => {
      const round = fakeRound(enclave, fake.study, first);
      await session.send(round.message);
      expect(await session.expect('held')).to.deep.equal({ release: first.release });
      intake = await takeBegin(session, fake.study, round);
      await session.send(grantOf(intake, 0));
      await takeChunks(session, intake, intake.opener.chunkCount);
      await session.send(receiptOf(enclave, intake, intake.opener.digest()));
      await finish(session);
    };
    const { end, events } = run({ trainer });
    const { kind, release } = await end;
    expect(kind).to.equal('finished');
    expect(release?.digest).to.deep.equal(second.release);
    expect(release?.weights).to.deep.equal(new Float32Array(PARAMETER_COUNT).fill(1));
    expect(trainer.inputs[0]?.global).to.deep.equal(new Float32Array(PARAMETER_COUNT));
    const [prelude, ...tensors] = intake?.plaintexts ?? [];
    expect(decodePrelude(prelude ?? new Uint8Array())).to.deep.equal({ examples: 7, metrics: { loss: 0.25 } });
    expect(Buffer.concat(tensors).equals(floatBytes(DELTA))).to.equal(true);
    expect(kinds(events)).to.deep.equal([
      'attested',
      'joined',
      'roundOpened',
      'held',
      'trained',
      'sealed',
      'uploaded',
      'receipt',
      'released',
      'held',
      'phase',
      'ended',
    ]);
  });

  it('goes on with the same envelope at the granted chunk after a lost connection, without training again', async () => {
    const trainer = steadyTrainer();
    const round = fakeRound(enclave, fake.study, first);
    let intake: FakeIntake | undefined;
    let header: Uint8Array | undefined;
    enclave.script = async (session, nth) => {
      await session.send(round.message);
      if (nth === 0) {
        await session.expect('held');
        intake = await takeBegin(session, fake.study, round);
        await session.send(grantOf(intake, 0));
        await takeChunks(session, intake, 2);
        header = intake.opener.header.payload;
        session.drop();
        return;
      }
      expect(session.join.holds).to.deep.equal(first.release);
      const again = await session.expect('begin');
      expect(again.header.payload).to.deep.equal(header);
      if (intake === undefined) throw new Error('the first session took a begin');
      await session.send(grantOf(intake, 2));
      await takeChunks(session, intake, intake.opener.chunkCount);
      await session.send(receiptOf(enclave, intake, intake.opener.digest()));
      await finish(session);
    };
    const { end, events } = run({ trainer });
    expect((await end).kind).to.equal('finished');
    expect(trainer.inputs).to.have.lengthOf(1);
    expect(events.filter(({ kind }) => kind === 'roundOpened')).to.have.lengthOf(1);
    expect(events.findLast(({ kind }) => kind === 'uploaded')).to.include({ from: 2 });
  });

  it('takes the receipt of a repeated begin when the first one was lost', async () => {
    const round = fakeRound(enclave, fake.study, first);
    let intake: FakeIntake | undefined;
    enclave.script = async (session, nth) => {
      await session.send(round.message);
      if (nth === 0) {
        await session.expect('held');
        intake = await takeBegin(session, fake.study, round);
        await session.send(grantOf(intake, 0));
        await takeChunks(session, intake, intake.opener.chunkCount);
        session.drop();
        return;
      }
      await session.expect('begin');
      if (intake === undefined) throw new Error('the first session took a begin');
      await session.send(receiptOf(enclave, intake, intake.opener.digest()));
      await finish(session);
    };
    const { end, events } = run();
    expect((await end).kind).to.equal('finished');
    expect(events.filter(({ kind }) => kind === 'receipt')).to.have.lengthOf(1);
  });

  it('seals anew, under another key and id, for a new attempt of the round, without training again', async () => {
    const trainer = steadyTrainer();
    const ids: string[] = [];
    enclave.script = async (session) => {
      for (const attempt of [0, 1]) {
        const round = fakeRound(enclave, fake.study, first, { attempt });
        await session.send(round.message);
        if (attempt === 0) await session.expect('held');
        const intake = await takeBegin(session, fake.study, round);
        ids.push(toHex(intake.subject.updateId));
        if (attempt === 1) {
          await session.send(grantOf(intake, 0));
          await takeChunks(session, intake, intake.opener.chunkCount);
          await session.send(receiptOf(enclave, intake, intake.opener.digest()));
        }
      }
      await finish(session);
    };
    const { end } = run({ trainer });
    expect((await end).kind).to.equal('finished');
    expect(new Set(ids)).to.have.lengthOf(2);
    expect(trainer.inputs).to.have.lengthOf(1);
  });

  it('seals a rejected update anew three times at most, then declines and stays', async () => {
    const ids = new Set<string>();
    enclave.script = async (session) => {
      const round = fakeRound(enclave, fake.study, first);
      await session.send(round.message);
      await session.expect('held');
      for (let time = 0; time < 3; time++) {
        const intake = await takeBegin(session, fake.study, round);
        ids.add(toHex(intake.subject.updateId));
        await session.send(refusalOf(enclave, intake, 'UPDATE_REJECTED'));
      }
      expect(await session.expect('decline')).to.deep.equal({ round: 1, attempt: 0, reason: 'UPDATE_REJECTED' });
      await finish(session);
    };
    const { end, events } = run();
    expect((await end).kind).to.equal('finished');
    expect(ids).to.have.lengthOf(3);
    expect(events.filter(({ kind }) => kind === 'refused')).to.have.lengthOf(3);
  });

  it('begins the same envelope again when its upload was preempted', async () => {
    enclave.script = async (session) => {
      const round = fakeRound(enclave, fake.study, first);
      await session.send(round.message);
      await session.expect('held');
      const intake = await takeBegin(session, fake.study, round);
      await session.send(refusalOf(enclave, intake, 'UPLOAD_PREEMPTED'));
      const again = await session.expect('begin');
      expect(again.header.payload).to.deep.equal(intake.opener.header.payload);
      await session.send(grantOf(intake, 0));
      await takeChunks(session, intake, intake.opener.chunkCount);
      await session.send(receiptOf(enclave, intake, intake.opener.digest()));
      await finish(session);
    };
    expect((await run().end).kind).to.equal('finished');
  });

  it('declines at once what could only be refused again, and tells which code', async () => {
    enclave.script = async (session) => {
      const round = fakeRound(enclave, fake.study, first);
      await session.send(round.message);
      await session.expect('held');
      await session.send(refusalOf(enclave, await takeBegin(session, fake.study, round), 'UPDATE_EXAMPLES_INVALID'));
      expect(await session.expect('decline')).to.include({ reason: 'UPDATE_EXAMPLES_INVALID' });
      await finish(session);
    };
    const { end, events } = run();
    await end;
    expect(events.find(({ kind }) => kind === 'refused')).to.include({ code: 'UPDATE_EXAMPLES_INVALID' });
  });

  it('stops when the enclave says that its signature does not hold', async () => {
    enclave.script = async (session) => {
      const round = fakeRound(enclave, fake.study, first);
      await session.send(round.message);
      await session.expect('held');
      await session.send(refusalOf(enclave, await takeBegin(session, fake.study, round), 'UPDATE_SIGNATURE_INVALID'));
    };
    expect(await faultCode(run().end)).to.equal('PEER_REFUSED');
  });

  it('declines the round, and stays, when the trainer fails or gives no numbers', async () => {
    const failing = [
      () => {
        throw new Fault('TRAINER_FAILED', 'no data today');
      },
      () => ({ delta: DELTA.slice().fill(Number.NaN) }),
      () => ({ delta: DELTA.slice(1) }),
    ];
    for (const answer of failing) {
      enclave.script = async (session) => {
        await session.send(fakeRound(enclave, fake.study, first).message);
        await session.expect('held');
        expect(await session.expect('decline')).to.deep.equal({ round: 1, attempt: 0, reason: 'TRAINER_FAILED' });
        await finish(session);
      };
      expect((await run({ trainer: steadyTrainer(answer) }).end).kind).to.equal('finished');
    }
  });

  const wrongOpenings: readonly [string, string, object][] = [
    ['another study', 'ENCLAVE_STATEMENT_WRONG', { manifestDigest: new Uint8Array(32) }],
    ['another layout', 'ENCLAVE_STATEMENT_WRONG', { layoutDigest: new Uint8Array(32) }],
    ['another KEM', 'ENCLAVE_STATEMENT_WRONG', { kem: 0x20 }],
  ];
  for (const [what, code, bend] of wrongOpenings) {
    it(`refuses a round opening for ${what}`, async () => {
      enclave.script = async (session) => {
        await session.send(fakeRound(enclave, fake.study, first, bend).message);
      };
      expect(await faultCode(run().end)).to.equal(code);
    });
  }

  it('refuses a round opening that another key signed', async () => {
    const stranger = new FakeEnclave(platform, fake.study.digest);
    enclave.script = async (session) => {
      await session.send(fakeRound(stranger, fake.study, first).message);
    };
    expect(await faultCode(run().end)).to.equal('ENCLAVE_SIGNATURE_INVALID');
  });

  const wrongReceipts: readonly [
    string,
    string,
    (intake: FakeIntake) => Promise<Parameters<FakeSession['send']>[0]>,
  ][] = [
    [
      'names another digest',
      'ENCLAVE_STATEMENT_WRONG',
      async (intake) => receiptOf(enclave, intake, new Uint8Array(32)),
    ],
    [
      'is about another update',
      'ENCLAVE_STATEMENT_WRONG',
      async (intake) => {
        const subject = { ...intake.subject, updateId: new Uint8Array(16) };
        return receiptOf(enclave, { ...intake, subject }, intake.opener.digest());
      },
    ],
    [
      'another key signed',
      'ENCLAVE_SIGNATURE_INVALID',
      async (intake) => receiptOf(new FakeEnclave(platform, fake.study.digest), intake, intake.opener.digest()),
    ],
  ];
  for (const [what, code, receipt] of wrongReceipts) {
    it(`refuses a receipt that ${what}`, async () => {
      enclave.script = async (session) => {
        const round = fakeRound(enclave, fake.study, first);
        await session.send(round.message);
        await session.expect('held');
        const intake = await takeBegin(session, fake.study, round);
        await session.send(grantOf(intake, 0));
        await takeChunks(session, intake, intake.opener.chunkCount);
        await session.send(await receipt(intake));
      };
      expect(await faultCode(run().end)).to.equal(code);
    });
  }

  it('refuses a receipt before the update was sent, and a grant of chunks that were never sealed', async () => {
    for (const answer of [
      (intake: FakeIntake) => receiptOf(enclave, intake, new Uint8Array(32)),
      (intake: FakeIntake) => grantOf(intake, 2),
    ]) {
      enclave.script = async (session) => {
        const round = fakeRound(enclave, fake.study, first);
        await session.send(round.message);
        await session.expect('held');
        await session.send(answer(await takeBegin(session, fake.study, round)));
      };
      expect(await faultCode(run().end)).to.equal('ENCLAVE_STATEMENT_WRONG');
    }
  });

  it('joins anew after a frame that was replayed, lost or altered', async () => {
    const attacks: readonly ((session: FakeSession) => Promise<void>)[] = [
      async (session) => session.sendRaw(await session.send({ name: 'phase', body: { round: 0, phase: 'idle' } })),
      async (session) => {
        await session.seal({ name: 'phase', body: { round: 0, phase: 'idle' } });
        await session.send({ name: 'phase', body: { round: 0, phase: 'idle' } });
      },
      async (session) => {
        const frame = await session.seal({ name: 'phase', body: { round: 0, phase: 'idle' } });
        frame[12] = (frame[12] ?? 0) ^ 0x80;
        session.sendRaw(frame);
      },
    ];
    const seen: string[] = [];
    enclave.script = async (session, nth) => (attacks[nth] === undefined ? finish(session) : attacks[nth](session));
    const { end } = run({
      store: await storeThatHolds(first),
      onEvent: (event) => event.kind === 'reconnecting' && seen.push(event.because.split(':')[0] ?? ''),
    });
    expect((await end).kind).to.equal('finished');
    expect(seen).to.deep.equal(['FRAME_REPLAYED', 'FRAME_LOST', 'FRAME_FORGED']);
  });

  it('waits between connections by exponential back-off with full jitter', async () => {
    await enclave.close();
    const delays: number[] = [];
    const { end, leave } = run({
      random: () => 0.5,
      onEvent: (event) => {
        if (event.kind === 'reconnecting' && delays.push(event.delayMs) === 9) leave();
      },
    });
    expect((await end).kind).to.equal('left');
    expect(delays).to.deep.equal([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    enclave = new FakeEnclave(platform, fake.study.digest);
    origin = await enclave.listen();
  });

  it('waits at least as long as the enclave asks, within bounds', async () => {
    const asked = [5000, 3_600_000];
    const delays: number[] = [];
    enclave.script = async (session, nth) => {
      await session.send({ name: 'close', body: { code: 'SERVER_BUSY', retryAfterMs: asked[nth] ?? 0 } });
    };
    const { end, leave } = run({
      random: () => 0,
      onEvent: (event) => {
        if (event.kind === 'reconnecting' && delays.push(event.delayMs) === 2) leave();
      },
    });
    await end;
    expect(delays).to.deep.equal([5000, 60_000]);
  });

  it('gives up after the stated time without progress', async () => {
    await enclave.close();
    const { end } = run({ persistence: { giveUpAfterMs: 3000 } });
    expect(await faultCode(end)).to.equal('CONNECTION_LOST');
    enclave = new FakeEnclave(platform, fake.study.digest);
    origin = await enclave.listen();
  });

  it('stops when the enclave closes the session for good', async () => {
    enclave.script = async (session) => {
      await session.send({ name: 'close', body: { code: 'SESSION_SUPERSEDED', retryAfterMs: 0 } });
    };
    expect(await faultCode(run().end)).to.equal('PEER_REFUSED');
  });

  it('says goodbye, and stops its trainer, when told to leave in the middle of training', async () => {
    let aborted = false;
    enclave.script = async (session) => {
      await session.send(fakeRound(enclave, fake.study, first).message);
      await session.expect('held');
      await session.expect('leave');
    };
    const trainer = {
      dispose: () => undefined,
      train: ({ signal }: { signal: AbortSignal }) =>
        new Promise<never>((_, reject) => {
          leave();
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(signal.reason);
          });
        }),
    };
    const { end, leave } = run({ trainer });
    expect((await end).kind).to.equal('left');
    expect(aborted).to.equal(true);
  });

  it('fetches the last release of a study that had ended before it came', async () => {
    enclave.bend = { phase: 'stopped' };
    enclave.script = async (session) => {
      expect(await session.expect('held')).to.deep.equal({ release: second.release });
      await session.expect('leave');
    };
    const { kind, release } = await run().end;
    expect(kind).to.equal('stopped');
    expect(release?.digest).to.deep.equal(second.release);
  });

  it('needs no release to see that a study was stopped before its first', async () => {
    serve(enclave, fake.study);
    enclave.bend = { phase: 'stopped' };
    enclave.script = async (session) => {
      await session.expect('leave');
    };
    expect(await run().end).to.deep.equal({ kind: 'stopped', release: undefined });
  });
});
