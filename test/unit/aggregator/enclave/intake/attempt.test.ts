import { expect } from 'chai';
import { IntakeUnderTest, STALL_MS } from '#test/fakes/aggregator/intake.ts';

const codeOf = (verdict: ReturnType<IntakeUnderTest['begin']>) =>
  verdict.kind === 'refused' ? verdict.code : verdict.value.kind;

describe('the intake of an attempt', () => {
  it('counts an update once, answers its header again with the receipt, and refuses a second update', async () => {
    const under = await IntakeUnderTest.create(2);
    const sealer = under.sealer(0);
    expect(codeOf(under.begin(0, sealer))).to.equal('queued');
    expect(await under.chunks(0, sealer)).to.deep.include({ kind: 'counted', updateDigest: sealer.digest() });
    expect(await under.chunk(0, sealer, 1)).to.deep.equal({ kind: 'stale' });
    expect(codeOf(under.begin(0, sealer))).to.equal('counted-before');
    expect(codeOf(under.begin(0, under.sealer(0)))).to.equal('UPDATE_DUPLICATE');
    under.intake.close();
    const model = new Float32Array(600);
    expect(under.intake.finish(model)).to.deep.equal({ metrics: { loss: 1 }, contributions: 1 });
    expect(model).to.deep.equal(new Float32Array(600).fill(1));
  });

  it('opens the same chunk twice at a time without taking it twice', async () => {
    const under = await IntakeUnderTest.create(1);
    const sealer = under.sealer(0);
    under.begin(0, sealer);
    const sealed = await sealer.chunk(0);
    const both = [
      under.intake.chunk('site-1', sealer.updateId, 0, sealed),
      under.intake.chunk('site-1', sealer.updateId, 0, sealed),
    ];
    expect(await Promise.all(both)).to.deep.equal([{ kind: 'taken', next: 1 }, { kind: 'stale' }]);
    expect(await under.chunks(0, sealer, 1)).to.include({ kind: 'counted' });
  });

  it('takes nothing that was being opened when it closed', async () => {
    const under = await IntakeUnderTest.create(1);
    const sealer = under.sealer(0);
    under.begin(0, sealer);
    const sealed = await sealer.chunk(0);
    const outcome = under.intake.chunk('site-1', sealer.updateId, 0, sealed);
    expect(under.intake.inFlight()).to.have.length(1);
    under.intake.close();
    expect(await outcome).to.deep.equal({ kind: 'stale' });
    expect(() => under.begin(0, sealer)).to.throw('closed');
    expect(() => under.intake.finish(new Float32Array(600))).to.throw('at least one');
  });

  it('passes over chunks of uploads that ended with the attempt before, and of no others', async () => {
    const before = await IntakeUnderTest.create(1);
    const sealer = before.sealer(0);
    before.begin(0, sealer);
    const under = await IntakeUnderTest.create(1, 600, before.intake.close());
    expect(await under.chunk(0, sealer, 0)).to.deep.equal({ kind: 'stale' });
    expect(await under.chunk(1, sealer, 0)).to.deep.equal({ kind: 'tampered', code: 'CHUNK_FOREIGN' });
  });

  it('lets who stands in line begin again, and takes no chunk of it before its place is granted', async () => {
    const under = await IntakeUnderTest.create(1);
    const [holder, waiting] = [under.sealer(0), under.sealer(1)];
    under.begin(0, holder);
    under.begin(1, waiting);
    expect(codeOf(under.begin(1, waiting))).to.equal('queued');
    expect(await under.chunk(1, waiting, 0)).to.deep.equal({ kind: 'tampered', code: 'CHUNK_FOREIGN' });
    expect(under.events).to.deep.equal([{ kind: 'granted', owner: 'site-1', next: 0 }]);
    await under.chunks(0, holder);
    expect(under.events.at(-1)).to.deep.equal({ kind: 'granted', owner: 'site-2', next: 0 });
  });

  it('drops the first of two updates that one participant begins, and refuses an id that was used', async () => {
    const under = await IntakeUnderTest.create(1);
    const [first, second] = [under.sealer(0), under.sealer(0, 10, 3)];
    under.begin(0, first);
    expect(codeOf(under.begin(0, second))).to.equal('queued');
    expect(await under.chunk(0, first, 0)).to.deep.equal({ kind: 'stale' });
    expect(codeOf(under.begin(0, first))).to.equal('UPDATE_REPLAYED');
    expect(await under.chunks(0, second)).to.include({ kind: 'counted' });
  });

  it('takes no more than 64 headers from one participant, and the last of them still counts', async () => {
    const under = await IntakeUnderTest.create(1);
    let last = under.sealer(0);
    for (let headers = 0; headers < 64; headers++) {
      last = under.sealer(0);
      expect(codeOf(under.begin(0, last))).to.equal('queued');
    }
    expect(codeOf(under.begin(0, under.sealer(0)))).to.equal('SERVER_BUSY');
    expect(codeOf(under.begin(0, last))).to.equal('queued');
    expect(await under.chunks(0, last)).to.include({ kind: 'counted' });
    expect(codeOf(under.begin(1, under.sealer(1)))).to.equal('queued');
  });

  it('takes a stalled place away for one that waits, which may begin the same upload again', async () => {
    const under = await IntakeUnderTest.create(1);
    const [slow, waiting] = [under.sealer(0), under.sealer(1)];
    under.begin(0, slow);
    await under.chunk(0, slow, 0);
    under.begin(1, waiting);
    under.clock.advance(STALL_MS);
    under.intake.serveSlots();
    expect(under.events.map(({ kind, owner }) => `${owner} ${kind}`)).to.deep.equal([
      'site-1 granted',
      'site-1 preempted',
      'site-2 granted',
    ]);
    expect(await under.chunk(0, slow, 1)).to.deep.equal({ kind: 'stale' });
    expect(await under.chunks(1, waiting)).to.include({ kind: 'counted' });
    expect(codeOf(under.begin(0, slow))).to.equal('queued');
    expect(await under.chunks(0, slow)).to.include({ kind: 'counted' });
    expect(under.intake.effort()).to.have.keys('openUs', 'foldUs');
  });
});
