import { expect } from 'chai';
import type { CommandName } from '#shared/study/command.ts';
import { EnclaveUnderTest } from '#test/fakes/aggregator/enclave.ts';
import { changesFor, HONEST, meanOf, PARAMETERS, Scene } from '#test/fakes/aggregator/scene.ts';
import { makeStudy, type TestStudy } from '#test/fakes/aggregator/study.ts';

describe('commands in every phase of the real enclave', function () {
  this.timeout(20_000);
  let enclave: EnclaveUnderTest;
  before(async () => {
    enclave = await EnclaveUnderTest.start(['--chunk-kib', '1']);
  });
  after(() => enclave.stop());

  const give = async (study: TestStudy, command: CommandName) =>
    (await enclave.handIn(await enclave.command(study, command))).code;
  const illegal = async (study: TestStudy, ...commands: readonly CommandName[]) => {
    for (const command of commands) expect(await give(study, command), command).to.equal('COMMAND_ILLEGAL');
  };
  const bothContribute = async (scene: Scene, round: number, attempt: number) => {
    for (const [index, contribution] of HONEST.entries()) {
      const person = await scene.person(index);
      const opening = await person.opening((each) => each.round === round && each.attempt === attempt);
      expect(await scene.contribute(index, opening, contribution)).to.equal('receipt');
    }
  };

  it('idle: neither pause nor resume; a stop is the end', async () => {
    const { pcr0, rootSha256 } = enclave.enclave;
    const study = makeStudy({ pcr0, rootSha256, name: 'idle' });
    await enclave.offer(study);
    await illegal(study, 'pause', 'resume');
    expect(await give(study, 'stop')).to.equal(null);
    await illegal(study, 'start', 'pause', 'resume', 'stop');
  });

  it('recruiting: pauses, resumes and stops', async () => {
    const { study } = await Scene.open(enclave, { name: 'recruiting', joining: [] });
    await illegal(study, 'start', 'resume');
    expect(await give(study, 'pause')).to.equal(null);
    await illegal(study, 'start', 'pause');
    expect(await give(study, 'resume')).to.equal(null);
    expect(await give(study, 'stop')).to.equal(null);
    await illegal(study, 'start', 'pause', 'resume', 'stop');
  });

  it('collecting: a pause abandons the attempt with ROUND_CLOSED, a resume opens another; a stop ends without a release', async () => {
    const scene = await Scene.open(enclave, { name: 'collecting', participants: 2, rounds: { count: 2 } });
    const person = await scene.person(0);
    const sealer = person.sealer(await scene.opening(0, 1), changesFor({ value: 100, examples: 100 }));
    expect(await person.begin(sealer)).to.equal(0);
    expect(await give(scene.study, 'pause')).to.equal(null);
    expect(await person.answer(sealer.updateId)).to.include({ code: 'ROUND_CLOSED' });
    expect(await person.begin(sealer)).to.include({ code: 'ROUND_CLOSED' });
    expect(await give(scene.study, 'resume')).to.equal(null);
    await bothContribute(scene, 1, 2);
    expect((await scene.release(1)).weights).to.deep.equal(new Float32Array(PARAMETERS).fill(meanOf(HONEST)));
    await scene.opening(0, 2);
    expect(await give(scene.study, 'stop')).to.equal(null);
    await illegal(scene.study, 'start', 'pause', 'resume', 'stop');
    expect(scene.releasesOf(2)).to.deep.equal([]);
    scene.leave();
  });

  it('aggregating: a pause and a stop wait until the release is stored', async () => {
    const scene = await Scene.open(enclave, { name: 'aggregating', participants: 2, rounds: { count: 3 } });
    enclave.acknowledge = false;
    await bothContribute(scene, 1, 1);
    const first = await scene.published(1);
    expect(await give(scene.study, 'pause')).to.equal(null);
    await illegal(scene.study, 'start', 'pause');
    expect(await give(scene.study, 'resume')).to.equal(null);
    await illegal(scene.study, 'resume');
    expect(await give(scene.study, 'pause')).to.equal(null);
    enclave.send({ name: 'release-stored', body: { release: first.release } });
    await (await scene.person(0)).take('phase', ({ body }) => body.phase === 'paused');
    expect(await give(scene.study, 'resume')).to.equal(null);
    await bothContribute(scene, 2, 1);
    const second = await scene.published(2);
    expect(await give(scene.study, 'stop')).to.equal(null);
    enclave.send({ name: 'release-stored', body: { release: second.release } });
    await (await scene.person(0)).take('phase', ({ body }) => body.phase === 'stopped');
    enclave.acknowledge = true;
    await illegal(scene.study, 'start', 'pause', 'resume', 'stop');
    scene.leave();
  });

  it('finished: nothing applies any more', async () => {
    const scene = await Scene.open(enclave, { name: 'finished', participants: 2, rounds: { count: 1 } });
    await bothContribute(scene, 1, 1);
    await (await scene.person(0)).take('phase', ({ body }) => body.phase === 'finished');
    await illegal(scene.study, 'start', 'pause', 'resume', 'stop');
    scene.leave();
  });
});
