import { expect } from 'chai';
import { startInProcess } from '#test/fakes/aggregator/in-process.ts';
import { STALL_MS } from '#test/fakes/aggregator/intake.ts';
import { changesFor, HONEST, meanOf, PARAMETERS, Scene } from '#test/fakes/aggregator/scene.ts';
import type { Stage } from './stage.ts';

/** The stall time is too long to wait for: the enclave runs in this process, on a clock that the test moves. */
export function preemptionRefusals(stage: Stage): void {
  it('UPLOAD_PREEMPTED when another waits for its place, and both count in the end', async () => {
    const { enclave, clock } = await startInProcess({ stagingBytes: 1 });
    const rounds = { count: 1, quorum: 2 };
    const scene = await Scene.open(enclave, { participants: 2, rounds });
    const [first, second] = [await scene.person(0), await scene.person(1)];
    const [openingOfFirst, openingOfSecond] = [await scene.opening(0, 1), await scene.opening(1, 1)];
    const slow = first.sealer(openingOfFirst, changesFor(HONEST[0]));
    expect(await first.begin(slow)).to.equal(0);
    first.sendRaw(await first.chunk(slow, 0));
    const waits = second.upload(second.sealer(openingOfSecond, changesFor(HONEST[1])));
    // Its header is answered last, so by then the second one stands in line.
    const probe = second.sealer(openingOfSecond, { ...changesFor(HONEST[1]), participant: 'site-1' });
    await second.begin(probe);
    const refusal = first.answer(slow.updateId);
    clock.advance(STALL_MS);
    const answer = await refusal;
    stage.provoked(answer === 'receipt' ? answer : answer.code, 'UPLOAD_PREEMPTED');
    expect(await waits).to.equal('receipt');
    first.sendRaw(await first.chunk(slow, 1));
    expect(await first.upload(slow)).to.equal('receipt');
    expect((await scene.release(1)).weights).to.deep.equal(new Float32Array(PARAMETERS).fill(meanOf(HONEST)));
    scene.leave();
    await enclave.stop();
  });
}
