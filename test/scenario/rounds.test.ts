import { expect } from 'chai';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import { changesFor, HONEST, meanOf, PARAMETERS, Scene } from '#test/fakes/aggregator/scene.ts';

const [ONE, TWO] = HONEST;
const filled = (value: number) => new Float32Array(PARAMETERS).fill(value);

describe('rounds of the real enclave', function () {
  this.timeout(20_000);
  let enclave: EnclaveUnderTest;
  before(async () => {
    enclave = await EnclaveUnderTest.start(['--chunk-kib', '1']);
  });
  after(() => enclave.stop());

  it('everybody leaves: the attempt is abandoned at its deadline, another opens on their return, the model is the same', async () => {
    const rounds = { count: 1, deadlineSeconds: 1 };
    const scene = await Scene.open(enclave, { name: 'deserted', participants: 2, rounds });
    const first = await scene.opening(0, 1);
    const person = await scene.person(0);
    const half = person.sealer(first, changesFor({ value: 100, examples: 100 }));
    expect(await person.begin(half)).to.equal(0);
    person.sendRaw(await person.chunk(half, 0));
    scene.leave();
    await enclave.next('log', ({ event, fields }) => event === 'round-abandoned' && fields.study === 'deserted');
    expect(scene.releasesOf(1)).to.deep.equal([]);
    await Promise.all([scene.join(0), scene.join(1)]);
    const openings = await Promise.all([scene.opening(0, 1), scene.opening(1, 1)]);
    expect(openings.map(({ attempt }) => attempt > first.attempt)).to.deep.equal([true, true]);
    expect(openings[0].baseRelease).to.deep.equal(first.baseRelease);
    expect(openings[0].roundKey).not.to.deep.equal(first.roundKey);
    await Promise.all([scene.contribute(0, openings[0], ONE), scene.contribute(1, openings[1], TWO)]);
    expect((await scene.release(1)).weights).to.deep.equal(filled(meanOf(HONEST)));
    scene.leave();
  });

  it('an upload goes on where it stood after the connection was lost', async () => {
    const scene = await Scene.open(enclave, { name: 'resumed', participants: 2, rounds: { count: 1 } });
    const opening = await scene.opening(0, 1);
    const before = await scene.person(0);
    const sealer = before.sealer(opening, changesFor(ONE));
    expect(await before.begin(sealer)).to.equal(0);
    for (const index of [0, 1]) before.sendRaw(await before.chunk(sealer, index));
    expect(await before.begin(sealer), 'begun again in the same session').to.equal(2);
    before.leave();
    const after = await scene.join(0);
    expect(await after.begin(sealer), 'begun again in the next session').to.equal(2);
    for (let index = 2; index < sealer.chunkCount; index++) after.sendRaw(await after.chunk(sealer, index));
    expect(await after.answer(sealer.updateId)).to.equal('receipt');
    expect(await after.begin(sealer), 'begun once more').to.equal('receipt');
    await scene.contribute(1, await scene.opening(1, 1), TWO);
    const { weights, contributions } = await scene.release(1);
    expect(weights).to.deep.equal(filled(meanOf(HONEST)));
    expect(contributions).to.equal(2);
    scene.leave();
  });

  it('a member that comes back is told the time that is left, not the whole', async () => {
    const scene = await Scene.open(enclave, { name: 'returned', participants: 2, rounds: { count: 1 } });
    const first = await scene.opening(0, 1);
    await scene.join(0);
    const second = await scene.opening(0, 1);
    expect(second.remainingMs).to.be.lessThan(first.remainingMs);
    expect({ ...second, remainingMs: 0 }).to.deep.equal({ ...first, remainingMs: 0 });
    scene.leave();
  });

  it('a quorum is enough at the deadline; the late one is told ROUND_CLOSED and takes part in the next round', async () => {
    const rounds = { count: 2, quorum: 2, deadlineSeconds: 1 };
    const scene = await Scene.open(enclave, { name: 'late', rounds });
    const late = await scene.person(2);
    const opening = await scene.opening(2, 1);
    const sealer = late.sealer(opening, changesFor({ value: 100, examples: 100 }));
    expect(await late.begin(sealer)).to.equal(0);
    late.sendRaw(await late.chunk(sealer, 0));
    for (const [index, contribution] of HONEST.entries()) {
      expect(await scene.contribute(index, await scene.opening(index, 1), contribution)).to.equal('receipt');
    }
    expect(await late.answer(sealer.updateId)).to.include({ code: 'ROUND_CLOSED' });
    const first = await scene.release(1);
    expect(first.weights).to.deep.equal(filled(meanOf(HONEST)));
    expect(first.statement).to.include({ cohortSize: 3, contributions: 2 });
    const next = await scene.opening(2, 2);
    // Chunks that were on their way when the round closed, and the header once more, harm nobody.
    late.sendRaw(await late.chunk(sealer, 1));
    late.sendRaw(await late.chunk(sealer, 2));
    expect(await late.begin(sealer)).to.include({ code: 'ROUND_CLOSED' });
    expect(await scene.contribute(2, next, { value: 7, examples: 30 })).to.equal('receipt');
    for (const [index, contribution] of HONEST.entries()) {
      expect(await scene.contribute(index, await scene.opening(index, 2), contribution)).to.equal('receipt');
    }
    expect((await scene.release(2)).weights).to.deep.equal(filled(meanOf(HONEST) + 5));
    scene.leave();
  });

  it('members that all decline below the quorum abandon the attempt at once', async () => {
    const scene = await Scene.open(enclave, { name: 'declined', participants: 2, rounds: { count: 1 } });
    const openings = await Promise.all([scene.opening(0, 1), scene.opening(1, 1)]);
    await scene.contribute(0, openings[0], { value: 50, examples: 100 });
    await scene.decline(1, openings[1]);
    const again = await Promise.all(
      [0, 1].map(async (index) => (await scene.person(index)).opening(({ attempt }) => attempt === 2)),
    );
    for (const [index, contribution] of HONEST.entries()) {
      const opening = again[index];
      expect(opening && (await scene.contribute(index, opening, contribution))).to.equal('receipt');
    }
    expect((await scene.release(1)).weights).to.deep.equal(filled(meanOf(HONEST)));
    scene.leave();
  });

  it('two studies that publish at the same time share no transfer', async () => {
    const scenes = await Promise.all(
      ['left', 'right'].map((name) => Scene.open(enclave, { name, participants: 2, rounds: { count: 1 } })),
    );
    await Promise.all(
      scenes.map(async (scene) => {
        for (const [index, contribution] of HONEST.entries()) {
          await scene.contribute(index, await scene.opening(index, 1), contribution);
        }
        expect((await scene.release(1)).weights).to.deep.equal(filled(meanOf(HONEST)));
        scene.leave();
      }),
    );
    const transfers = enclave.messages.flatMap((message) =>
      message.name === 'release-begin' ? [message.body.transfer] : [],
    );
    expect(new Set(transfers).size).to.equal(transfers.length);
  });
});
