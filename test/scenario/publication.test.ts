import { expect } from 'chai';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import { HONEST, Scene } from '#test/fakes/aggregator/scene.ts';

const LARGE = 1_500_000;

describe('a host that publishes badly', function () {
  this.timeout(20_000);
  let enclave: EnclaveUnderTest;
  beforeEach(async () => {
    enclave = await EnclaveUnderTest.start();
  });
  afterEach(() => enclave.stop());

  it('gets the same bytes again after a lost connection, and there is one release of the round', async () => {
    const scene = await Scene.open(enclave, { participants: 2, rounds: { count: 1 } });
    enclave.acknowledge = false;
    for (const [index, contribution] of HONEST.entries()) {
      await scene.contribute(index, await scene.opening(index, 1), contribution);
    }
    await scene.published(1);
    await enclave.reconnect();
    const [first, second] = await enclave.until(() =>
      scene.releasesOf(1).length === 2 ? scene.releasesOf(1) : undefined,
    );
    expect(second).to.deep.equal(first);
    enclave.send({ name: 'release-stored', body: { release: first?.release ?? new Uint8Array(32) } });
    await (await scene.person(0)).take('phase', ({ body }) => body.phase === 'finished');
    expect(scene.releasesOf(1)).to.have.length(2);
    scene.leave();
  });

  it('is not believed about a release before it is whole, nor about another', async () => {
    const scene = await Scene.open(enclave, { participants: 2, rounds: { count: 1 } });
    enclave.acknowledge = false;
    for (const [index, contribution] of HONEST.entries()) {
      enclave.send({ name: 'release-stored', body: { release: new Uint8Array(32).fill(index) } });
      await scene.contribute(index, await scene.opening(index, 1), contribution);
    }
    const { release } = await scene.published(1);
    enclave.send({ name: 'release-stored', body: { release: new Uint8Array(32) } });
    enclave.send({ name: 'release-stored', body: { release: scene.releasesOf(0)[0]?.release ?? release } });
    expect((await enclave.handIn(await enclave.command(scene.study, 'pause'))).accepted).to.equal(true);
    const people = await scene.person(0);
    expect(
      people.received.some(({ name, body }) => name === 'released' && 'round' in body && body.round === 1),
    ).to.equal(false);
    enclave.send({ name: 'release-stored', body: { release } });
    await people.take('released', ({ body }) => body.round === 1);
    scene.leave();
  });

  it('that confirms a release while it is sent again gets nothing sealed under a wiped key', async () => {
    enclave.acknowledge = false;
    const opening = Scene.open(enclave, { participants: 2, parameters: LARGE, rounds: { count: 1 }, joining: [] });
    const whole = await enclave.until(() => enclave.releases[0]);
    await enclave.reconnect(true);
    enclave.send({ name: 'release-stored', body: { release: whole.release } });
    const from = enclave.messages.length;
    enclave.resumeReading();
    await enclave.next('log', ({ event }) => event === 'release-published', from);
    for (const part of enclave.unfinished()) {
      expect(Buffer.compare(part, whole.payload.subarray(0, part.length)), 'the same bytes as before').to.equal(0);
    }
    for (const again of enclave.releases) expect(Buffer.compare(again.payload, whole.payload)).to.equal(0);
    (await opening).leave();
  });
});
