import { expect } from 'chai';
import { type FakeRelease, fakeRelease, serve } from './enclave-round.ts';
import { FakeEnclave, type FakeSession } from './enclave-session.ts';
import { type Run, type RunOptions, runParticipant } from './participant-run.ts';
import { type FakeStudy, fakeStudy } from './participant-study.ts';
import { type FakePlatform, fakePlatform } from './tee/enclave.ts';

/** A fake enclave with a study whose first two releases are served; the enclave is fresh for each test. */
export interface ParticipantScene {
  readonly platform: FakePlatform;
  readonly fake: FakeStudy;
  readonly enclave: FakeEnclave;
  readonly first: FakeRelease;
  readonly second: FakeRelease;
  /** Starts a participant. */
  run(options?: RunOptions): Run;
  /** Ends the enclave before the test does. */
  close(): Promise<void>;
  /** Says that the study is over and waits for the participant to go. */
  finish(session: FakeSession): Promise<void>;
}

interface Parts {
  readonly platform: FakePlatform;
  readonly fake: FakeStudy;
  readonly enclave: FakeEnclave;
  readonly origin: URL;
  readonly first: FakeRelease;
  readonly second: FakeRelease;
}

/** The scene of the suite that is being described; its fields are there while a test runs. */
export function participantScene(): ParticipantScene {
  let platform: FakePlatform | undefined;
  let parts: Parts | undefined;
  let closed = false;

  beforeEach(async () => {
    platform ??= await fakePlatform();
    closed = false;
    const fake = fakeStudy(platform);
    const enclave = new FakeEnclave(platform, fake.study.digest);
    const origin = await enclave.listen();
    const first = await fakeRelease(enclave, fake.study, undefined);
    const second = await fakeRelease(enclave, fake.study, first);
    serve(enclave, fake.study, first, second);
    parts = { platform, fake, enclave, origin, first, second };
  });

  afterEach(async () => {
    if (!closed) await now().enclave.close();
    expect(now().enclave.failures).to.deep.equal([]);
  });

  function now(): Parts {
    if (parts === undefined) throw new Error('the scene exists only while a test runs');
    return parts;
  }

  return {
    get platform() {
      return now().platform;
    },
    get fake() {
      return now().fake;
    },
    get enclave() {
      return now().enclave;
    },
    get first() {
      return now().first;
    },
    get second() {
      return now().second;
    },
    run: (options = {}) => runParticipant(now().origin, now().fake, options),
    close: async () => {
      closed = true;
      await now().enclave.close();
    },
    finish: async (session) => {
      const { release } = now().second;
      await session.send({ name: 'released', body: { round: 1, release } });
      expect(await session.expect('held')).to.deep.equal({ release });
      await session.send({ name: 'phase', body: { round: 1, phase: 'finished' } });
      await session.expect('leave');
    },
  };
}
