import { expect } from 'chai';
import type { ParticipantEvent } from '#client/sdk/events.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { floatBytes } from '#shared/model/parameters.ts';
import { decodePrelude } from '#shared/update/prelude.ts';
import {
  type FakeIntake,
  fakeRound,
  grantOf,
  receiptOf,
  refusalOf,
  takeBegin,
  takeChunks,
} from '#test/fakes/enclave-round.ts';
import { FakeEnclave, type FakeSession } from '#test/fakes/enclave-session.ts';
import { DELTA, faultCode, steadyTrainer } from '#test/fakes/participant-run.ts';
import { participantScene } from '#test/fakes/participant-scene.ts';
import { PARAMETER_COUNT } from '#test/fakes/participant-study.ts';

const kinds = (events: readonly ParticipantEvent[]): readonly string[] => events.map(({ kind }) => kind);

describe('taking part in a study', () => {
  const scene = participantScene();

  it('trains on the base release, uploads, has its receipt, and holds the last release at the end', async () => {
    const trainer = steadyTrainer();
    let intake: FakeIntake | undefined;
    scene.enclave.script = async (session) => {
      const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
      await session.send(round.message);
      expect(await session.expect('held')).to.deep.equal({ release: scene.first.release });
      intake = await takeBegin(session, scene.fake.study, round);
      await session.send(grantOf(intake, 0));
      await takeChunks(session, intake, intake.opener.chunkCount);
      await session.send(receiptOf(scene.enclave, intake, intake.opener.digest()));
      await scene.finish(session);
    };
    const { end, events } = scene.run({ trainer });
    const { kind, release } = await end;
    expect(kind).to.equal('finished');
    expect(release?.digest).to.deep.equal(scene.second.release);
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
    const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
    let intake: FakeIntake | undefined;
    let header: Uint8Array | undefined;
    scene.enclave.script = async (session, nth) => {
      await session.send(round.message);
      if (nth === 0) {
        await session.expect('held');
        intake = await takeBegin(session, scene.fake.study, round);
        await session.send(grantOf(intake, 0));
        await takeChunks(session, intake, 2);
        header = intake.opener.header.payload;
        session.drop();
        return;
      }
      expect(session.join.holds).to.deep.equal(scene.first.release);
      const again = await session.expect('begin');
      expect(again.header.payload).to.deep.equal(header);
      if (intake === undefined) throw new Error('the first session took a begin');
      await session.send(grantOf(intake, 2));
      await takeChunks(session, intake, intake.opener.chunkCount);
      await session.send(receiptOf(scene.enclave, intake, intake.opener.digest()));
      await scene.finish(session);
    };
    const { end, events } = scene.run({ trainer });
    expect((await end).kind).to.equal('finished');
    expect(trainer.inputs).to.have.lengthOf(1);
    expect(events.filter(({ kind }) => kind === 'roundOpened')).to.have.lengthOf(1);
    expect(events.findLast(({ kind }) => kind === 'uploaded')).to.include({ from: 2 });
  });

  it('takes the receipt of a repeated begin when the first one was lost', async () => {
    const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
    let intake: FakeIntake | undefined;
    scene.enclave.script = async (session, nth) => {
      await session.send(round.message);
      if (nth === 0) {
        await session.expect('held');
        intake = await takeBegin(session, scene.fake.study, round);
        await session.send(grantOf(intake, 0));
        await takeChunks(session, intake, intake.opener.chunkCount);
        session.drop();
        return;
      }
      await session.expect('begin');
      if (intake === undefined) throw new Error('the first session took a begin');
      await session.send(receiptOf(scene.enclave, intake, intake.opener.digest()));
      await scene.finish(session);
    };
    const { end, events } = scene.run();
    expect((await end).kind).to.equal('finished');
    expect(events.filter(({ kind }) => kind === 'receipt')).to.have.lengthOf(1);
  });

  it('seals anew, under another key and id, for a new attempt of the round, without training again', async () => {
    const trainer = steadyTrainer();
    const ids: string[] = [];
    scene.enclave.script = async (session) => {
      for (const attempt of [0, 1]) {
        const round = fakeRound(scene.enclave, scene.fake.study, scene.first, { attempt });
        await session.send(round.message);
        if (attempt === 0) await session.expect('held');
        const intake = await takeBegin(session, scene.fake.study, round);
        ids.push(toHex(intake.subject.updateId));
        if (attempt === 1) {
          await session.send(grantOf(intake, 0));
          await takeChunks(session, intake, intake.opener.chunkCount);
          await session.send(receiptOf(scene.enclave, intake, intake.opener.digest()));
        }
      }
      await scene.finish(session);
    };
    const { end } = scene.run({ trainer });
    expect((await end).kind).to.equal('finished');
    expect(new Set(ids)).to.have.lengthOf(2);
    expect(trainer.inputs).to.have.lengthOf(1);
  });

  it('seals a rejected update anew three times at most, then declines and stays', async () => {
    const ids = new Set<string>();
    scene.enclave.script = async (session) => {
      const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
      await session.send(round.message);
      await session.expect('held');
      for (let time = 0; time < 3; time++) {
        const intake = await takeBegin(session, scene.fake.study, round);
        ids.add(toHex(intake.subject.updateId));
        await session.send(refusalOf(scene.enclave, intake, 'UPDATE_REJECTED'));
      }
      expect(await session.expect('decline')).to.deep.equal({ round: 1, attempt: 0, reason: 'UPDATE_REJECTED' });
      await scene.finish(session);
    };
    const { end, events } = scene.run();
    expect((await end).kind).to.equal('finished');
    expect(ids).to.have.lengthOf(3);
    expect(events.filter(({ kind }) => kind === 'refused')).to.have.lengthOf(3);
  });

  it('begins the same envelope again when its upload was preempted', async () => {
    scene.enclave.script = async (session) => {
      const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
      await session.send(round.message);
      await session.expect('held');
      const intake = await takeBegin(session, scene.fake.study, round);
      await session.send(refusalOf(scene.enclave, intake, 'UPLOAD_PREEMPTED'));
      const again = await session.expect('begin');
      expect(again.header.payload).to.deep.equal(intake.opener.header.payload);
      await session.send(grantOf(intake, 0));
      await takeChunks(session, intake, intake.opener.chunkCount);
      await session.send(receiptOf(scene.enclave, intake, intake.opener.digest()));
      await scene.finish(session);
    };
    expect((await scene.run().end).kind).to.equal('finished');
  });

  it('declines at once what could only be refused again, and tells which code', async () => {
    scene.enclave.script = async (session) => {
      const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
      await session.send(round.message);
      await session.expect('held');
      await session.send(
        refusalOf(scene.enclave, await takeBegin(session, scene.fake.study, round), 'UPDATE_EXAMPLES_INVALID'),
      );
      expect(await session.expect('decline')).to.include({ reason: 'UPDATE_EXAMPLES_INVALID' });
      await scene.finish(session);
    };
    const { end, events } = scene.run();
    await end;
    expect(events.find(({ kind }) => kind === 'refused')).to.include({ code: 'UPDATE_EXAMPLES_INVALID' });
  });

  it('stops when the enclave says that its signature does not hold', async () => {
    scene.enclave.script = async (session) => {
      const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
      await session.send(round.message);
      await session.expect('held');
      await session.send(
        refusalOf(scene.enclave, await takeBegin(session, scene.fake.study, round), 'UPDATE_SIGNATURE_INVALID'),
      );
    };
    expect(await faultCode(scene.run().end)).to.equal('PEER_REFUSED');
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
      scene.enclave.script = async (session) => {
        await session.send(fakeRound(scene.enclave, scene.fake.study, scene.first).message);
        await session.expect('held');
        expect(await session.expect('decline')).to.deep.equal({ round: 1, attempt: 0, reason: 'TRAINER_FAILED' });
        await scene.finish(session);
      };
      expect((await scene.run({ trainer: steadyTrainer(answer) }).end).kind).to.equal('finished');
    }
  });

  const wrongOpenings: readonly [string, string, object][] = [
    ['another study', 'ENCLAVE_STATEMENT_WRONG', { manifestDigest: new Uint8Array(32) }],
    ['another layout', 'ENCLAVE_STATEMENT_WRONG', { layoutDigest: new Uint8Array(32) }],
    ['another KEM', 'ENCLAVE_STATEMENT_WRONG', { kem: 0x20 }],
  ];
  for (const [what, code, bend] of wrongOpenings) {
    it(`refuses a round opening for ${what}`, async () => {
      scene.enclave.script = async (session) => {
        await session.send(fakeRound(scene.enclave, scene.fake.study, scene.first, bend).message);
      };
      expect(await faultCode(scene.run().end)).to.equal(code);
    });
  }

  it('refuses a round opening that another key signed', async () => {
    const stranger = new FakeEnclave(scene.platform, scene.fake.study.digest);
    scene.enclave.script = async (session) => {
      await session.send(fakeRound(stranger, scene.fake.study, scene.first).message);
    };
    expect(await faultCode(scene.run().end)).to.equal('ENCLAVE_SIGNATURE_INVALID');
  });

  const wrongReceipts: readonly [
    string,
    string,
    (intake: FakeIntake) => Promise<Parameters<FakeSession['send']>[0]>,
  ][] = [
    [
      'names another digest',
      'ENCLAVE_STATEMENT_WRONG',
      async (intake) => receiptOf(scene.enclave, intake, new Uint8Array(32)),
    ],
    [
      'is about another update',
      'ENCLAVE_STATEMENT_WRONG',
      async (intake) => {
        const subject = { ...intake.subject, updateId: new Uint8Array(16) };
        return receiptOf(scene.enclave, { ...intake, subject }, intake.opener.digest());
      },
    ],
    [
      'another key signed',
      'ENCLAVE_SIGNATURE_INVALID',
      async (intake) =>
        receiptOf(new FakeEnclave(scene.platform, scene.fake.study.digest), intake, intake.opener.digest()),
    ],
  ];
  for (const [what, code, receipt] of wrongReceipts) {
    it(`refuses a receipt that ${what}`, async () => {
      scene.enclave.script = async (session) => {
        const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
        await session.send(round.message);
        await session.expect('held');
        const intake = await takeBegin(session, scene.fake.study, round);
        await session.send(grantOf(intake, 0));
        await takeChunks(session, intake, intake.opener.chunkCount);
        await session.send(await receipt(intake));
      };
      expect(await faultCode(scene.run().end)).to.equal(code);
    });
  }

  it('refuses a receipt before the update was sent, and a grant of chunks that were never sealed', async () => {
    for (const answer of [
      (intake: FakeIntake) => receiptOf(scene.enclave, intake, new Uint8Array(32)),
      (intake: FakeIntake) => grantOf(intake, 2),
    ]) {
      scene.enclave.script = async (session) => {
        const round = fakeRound(scene.enclave, scene.fake.study, scene.first);
        await session.send(round.message);
        await session.expect('held');
        await session.send(answer(await takeBegin(session, scene.fake.study, round)));
      };
      expect(await faultCode(scene.run().end)).to.equal('ENCLAVE_STATEMENT_WRONG');
    }
  });
});
