import { expect } from 'chai';
import { memoryReleaseStore, type ReleaseStore } from '#client/sdk/release-store.ts';
import { type FakeRelease, fakeRound, serve } from '#test/fakes/enclave-round.ts';
import { type FakeSession } from '#test/fakes/enclave-session.ts';
import { keepRelease } from '#test/fakes/keep-release.ts';
import { faultCode } from '#test/fakes/participant-run.ts';
import { participantScene } from '#test/fakes/participant-scene.ts';
import { PARAMETER_COUNT } from '#test/fakes/participant-study.ts';

/** The store of a participant that followed `release` before. */
async function storeThatHolds(release: FakeRelease): Promise<ReleaseStore> {
  const store = memoryReleaseStore();
  const held = { digest: release.release, round: release.round, previous: new Uint8Array(32) };
  const weights = new Float32Array(PARAMETER_COUNT);
  await keepRelease(store, { ...held, statement: release.envelope, weights }, [release.payload]);
  return store;
}

describe('taking part through trouble, to the end', () => {
  const scene = participantScene();

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
    scene.enclave.script = async (session, nth) =>
      attacks[nth] === undefined ? scene.finish(session) : attacks[nth](session);
    const { end } = scene.run({
      store: await storeThatHolds(scene.first),
      onEvent: (event) => event.kind === 'reconnecting' && seen.push(event.because.split(':')[0] ?? ''),
    });
    expect((await end).kind).to.equal('finished');
    expect(seen).to.deep.equal(['FRAME_REPLAYED', 'FRAME_LOST', 'FRAME_FORGED']);
  });

  it('waits between connections by exponential back-off with full jitter', async () => {
    await scene.close();
    const delays: number[] = [];
    const { end, leave } = scene.run({
      random: () => 0.5,
      onEvent: (event) => {
        if (event.kind === 'reconnecting' && delays.push(event.delayMs) === 9) leave();
      },
    });
    expect((await end).kind).to.equal('left');
    expect(delays).to.deep.equal([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  });

  it('waits at least as long as the enclave asks, within bounds', async () => {
    const asked = [5000, 3_600_000];
    const delays: number[] = [];
    scene.enclave.script = async (session, nth) => {
      await session.send({ name: 'close', body: { code: 'SERVER_BUSY', retryAfterMs: asked[nth] ?? 0 } });
    };
    const { end, leave } = scene.run({
      random: () => 0,
      onEvent: (event) => {
        if (event.kind === 'reconnecting' && delays.push(event.delayMs) === 2) leave();
      },
    });
    await end;
    expect(delays).to.deep.equal([5000, 60_000]);
  });

  it('gives up after the stated time without progress', async () => {
    await scene.close();
    const { end } = scene.run({ persistence: { giveUpAfterMs: 3000 } });
    expect(await faultCode(end)).to.equal('CONNECTION_LOST');
  });

  it('stops when the enclave closes the session for good', async () => {
    scene.enclave.script = async (session) => {
      await session.send({ name: 'close', body: { code: 'SESSION_SUPERSEDED', retryAfterMs: 0 } });
    };
    expect(await faultCode(scene.run().end)).to.equal('PEER_REFUSED');
  });

  it('says goodbye, and stops its trainer, when told to leave in the middle of training', async () => {
    let aborted = false;
    scene.enclave.script = async (session) => {
      await session.send(fakeRound(scene.enclave, scene.fake.study, scene.first).message);
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
    const { end, leave } = scene.run({ trainer });
    expect((await end).kind).to.equal('left');
    expect(aborted).to.equal(true);
  });

  it('fetches the last release of a study that had ended before it came', async () => {
    scene.enclave.bend = { phase: 'stopped' };
    scene.enclave.script = async (session) => {
      expect(await session.expect('held')).to.deep.equal({ release: scene.second.release });
      await session.expect('leave');
    };
    const { kind, release } = await scene.run().end;
    expect(kind).to.equal('stopped');
    expect(release?.digest).to.deep.equal(scene.second.release);
  });

  it('needs no release to see that a study was stopped before its first', async () => {
    serve(scene.enclave, scene.fake.study);
    scene.enclave.bend = { phase: 'stopped' };
    scene.enclave.script = async (session) => {
      await session.expect('leave');
    };
    expect(await scene.run().end).to.deep.equal({ kind: 'stopped', release: undefined });
  });
});
