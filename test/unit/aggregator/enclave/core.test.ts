import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { FromHost } from '#boundary/from-host.ts';
import { type InProcess, startInProcess } from '#test/fakes/aggregator/in-process.ts';
import { HONEST, Scene } from '#test/fakes/aggregator/scene.ts';
import { makeStudy, type TestStudy } from '#test/fakes/aggregator/study.ts';
import { turns } from '#test/fakes/aggregator/turns.ts';

const REFRESH_MS = 10 * 60 * 1000;
const PARAMETERS = 64;

describe('the enclave, as its host sees it', () => {
  let running: InProcess;
  let working: boolean;
  beforeEach(async () => {
    working = true;
    running = await startInProcess({ working: () => working });
  });
  afterEach(() => running.enclave.stop());

  const study = (more: Partial<Parameters<typeof makeStudy>[0]> = {}) =>
    makeStudy({ ...running.enclave.enclave, ...more });
  const said = async (message: FromHost) => {
    const from = running.enclave.messages.length;
    running.enclave.send(message);
    return (await running.enclave.next('study-refused', () => true, from)).code;
  };

  it('says first who it is', async () => {
    await running.enclave.next('ready');
    expect(running.enclave.messages[0]?.name).to.equal('ready');
  });

  it('knows no study for a command before one is offered', async () => {
    const envelope = await running.enclave.command(study(), 'start');
    expect(await running.enclave.handIn(envelope)).to.include({ accepted: false, code: 'STUDY_UNKNOWN' });
  });

  it('accepts a study offered again, with the evidence it has', async () => {
    const test = study();
    await running.enclave.offer(test);
    const from = running.enclave.messages.length;
    running.enclave.send({ name: 'study', body: { envelope: test.envelope, weightsBytes: 0 } });
    await running.enclave.next('evidence', () => true, from);
  });

  it('sends what the host collected along with its evidence, from then on', async () => {
    const items = [{ kind: 'crl' as const, bytes: Uint8Array.of(1, 2) }];
    running.enclave.send({ name: 'endorsements', body: { items } });
    await running.enclave.offer(study());
    expect((await running.enclave.next('evidence')).endorsements).to.deep.equal(items);
    running.enclave.send({ name: 'endorsements', body: { items: [] } });
    const from = running.enclave.messages.length;
    await running.enclave.offer(study({ name: 'another' }));
    expect((await running.enclave.next('evidence', () => true, from)).endorsements).to.deep.equal([]);
  });

  it('refuses a study that nobody signed, one too many, and any while the device is silent', async () => {
    const garbage: FromHost = { name: 'study', body: { envelope: Uint8Array.of(1), weightsBytes: 0 } };
    expect(await said(garbage)).to.equal('MANIFEST_SIGNATURE_INVALID');
    working = false;
    expect(await said({ name: 'study', body: { envelope: study().envelope, weightsBytes: 0 } })).to.equal(
      'ATTESTER_FAILED',
    );
    working = true;
    for (let index = 0; index < 16; index++) await running.enclave.offer(study({ name: `study-${index}` }));
    expect(await said({ name: 'study', body: { envelope: study().envelope, weightsBytes: 0 } })).to.equal(
      'MANIFEST_INVALID',
    );
  });

  describe('with initial weights by digest', () => {
    const weights = new Uint8Array(new Float32Array(PARAMETERS).fill(2).buffer);
    const sha256 = createHash('sha256').update(weights).digest('hex');
    const piece = ({ study: { digest } }: TestStudy, offset: number, bytes: Uint8Array, last: boolean): FromHost => ({
      name: 'study-weights',
      body: { manifestDigest: digest, offset, bytes, last },
    });
    const offered = (test: TestStudy): FromHost => ({
      name: 'study',
      body: { envelope: test.envelope, weightsBytes: weights.length },
    });

    it('takes them in pieces and publishes them as release 0', async () => {
      const test = study({ initial: { sha256 } });
      running.enclave.send(offered(test));
      running.enclave.send(piece(test, 0, weights.subarray(0, 100), false));
      running.enclave.send(piece(test, 100, weights.subarray(100), true));
      await running.enclave.next('study-accepted');
    });

    it('refuses none, a gap, too many, too few and others than those named', async () => {
      const test = study({ initial: { sha256 } });
      expect(await said({ name: 'study', body: { envelope: test.envelope, weightsBytes: 0 } })).to.equal(
        'MANIFEST_INVALID',
      );
      for (const wrong of [
        piece(test, 4, weights.subarray(4), true),
        piece(test, 0, new Uint8Array(weights.length + 4), true),
        piece(test, 0, weights.subarray(4), true),
        piece(test, 0, new Uint8Array(weights.length), true),
      ]) {
        running.enclave.send(offered(test));
        expect(await said(wrong)).to.equal('MANIFEST_INVALID');
      }
    });

    it('passes over pieces of a study that nobody offered', async () => {
      const test = study({ initial: { sha256 } });
      running.enclave.send(piece(test, 0, weights, true));
      await running.enclave.offer(study({ name: 'another' }));
      expect(running.enclave.messages.some(({ name }) => name === 'study-refused')).to.equal(false);
    });
  });

  it('renews its evidence before it grows old, and tries again when the device was silent', async () => {
    await running.enclave.offer(study());
    const from = running.enclave.messages.length;
    running.clock.advance(REFRESH_MS);
    await running.enclave.next('evidence', () => true, from);
    await turns();
    working = false;
    running.clock.advance(REFRESH_MS);
    await running.enclave.next('log', ({ event }) => event === 'evidence-refresh-failed');
    working = true;
    const again = running.enclave.messages.length;
    running.clock.advance(REFRESH_MS);
    await running.enclave.next('evidence', () => true, again);
  });

  it('tells how far a command has come, and again to a host that came back', async () => {
    const scene = await Scene.open(running.enclave, { participants: 2, rounds: { count: 2 } });
    for (const round of [1, 2]) {
      for (const [index, contribution] of HONEST.entries()) {
        expect(await scene.contribute(index, await scene.opening(index, round), contribution)).to.equal('receipt');
      }
      if (round === 1) await running.enclave.reconnect();
    }
    await running.enclave.next('command-done', ({ phase }) => phase === 'finished');
    const rounds = running.enclave.messages.flatMap((message) =>
      message.name === 'command-progress' ? [message.body.round] : [],
    );
    expect([...new Set(rounds)]).to.deep.equal([0, 1, 2]);
    scene.leave();
  });

  it('abandons a deserted round at its deadline, on its own clock', async () => {
    const scene = await Scene.open(running.enclave, {
      participants: 2,
      rounds: { count: 1, gatherSeconds: 5, deadlineSeconds: 60 },
    });
    await scene.opening(0, 1);
    running.clock.advance(60_000);
    await running.enclave.next('log', ({ event }) => event === 'round-abandoned');
    running.clock.advance(4_999);
    const person = await scene.person(0);
    await turns();
    expect(person.received.filter(({ name }) => name === 'round')).to.deep.equal([]);
    running.clock.advance(1);
    expect((await person.opening()).attempt).to.equal(2);
    const stale = { round: 1, attempt: 1, reason: 'late' };
    await person.send({ name: 'decline', body: stale });
    await person.send({ name: 'held', body: { release: new Uint8Array(32) } });
    scene.leave();
  });
});
