import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { expect } from 'chai';
import { createMemoryBackends } from '#host/memory-backend.ts';

describe('the in-memory queue under BullMQ', () => {
  const closes: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closes.splice(0)) await close();
  });

  function open(work: (attempt: number) => Promise<unknown>) {
    const backends = createMemoryBackends();
    const queue = new Queue('q', { connection: {} }, backends);
    const worker = new Worker('q', (job) => work(job.attemptsMade), { connection: {} }, backends);
    closes.push(
      () => worker.close(),
      () => queue.close(),
    );
    const ended = (event: 'completed' | 'failed', times: number) =>
      new Promise<void>((resolve) => {
        let left = times;
        worker.on(event, () => {
          left -= 1;
          if (left === 0) resolve();
        });
      });
    return { queue, ended };
  }

  it('adds a job id once and keeps its result', async () => {
    let runs = 0;
    const { queue, ended } = open(async () => ({ run: (runs += 1) }));
    const completed = ended('completed', 1);
    await queue.add('n', { a: 1 }, { jobId: 'x' });
    await queue.add('n', { a: 2 }, { jobId: 'x' });
    await completed;
    const job = await queue.getJob('x');
    expect(job?.data).to.deep.equal({ a: 1 });
    expect(job?.returnvalue).to.deep.equal({ run: 1 });
    expect(await queue.getJobState('x')).to.equal('completed');
  });

  it('tries again with a growing wait until the attempts are used up', async () => {
    const attempts: number[] = [];
    const { queue, ended } = open(async (attempt) => {
      attempts.push(attempt);
      throw new Error('no');
    });
    const failed = ended('failed', 3);
    await queue.add('n', {}, { jobId: 'x', attempts: 3, backoff: { type: 'exponential', delay: 1 } });
    await failed;
    expect(attempts).to.deep.equal([0, 1, 2]);
    expect(await queue.getJobState('x')).to.equal('failed');
    expect((await queue.getJob('x'))?.failedReason).to.equal('no');
  });

  it('does not try again what is refused for good', async () => {
    const { queue, ended } = open(async () => {
      throw new UnrecoverableError('never');
    });
    const failed = ended('failed', 1);
    await queue.add('n', {}, { jobId: 'x', attempts: 5 });
    await failed;
    expect(await queue.getJobState('x')).to.equal('failed');
  });

  it('runs a delayed job when it is due, and many jobs in order', async () => {
    const { queue, ended } = open(async () => null);
    const completed = ended('completed', 51);
    await queue.add('n', {}, { jobId: 'late', delay: 5 });
    for (let i = 0; i < 50; i++) await queue.add('n', {}, { jobId: `j${i}` });
    await completed;
    expect(await queue.getJobCounts('completed', 'failed', 'wait')).to.include({ completed: 51, failed: 0 });
  });

  it('says what it does not support', () => {
    const backend = createMemoryBackends()('q', { connection: {} });
    expect(() => backend.obliterate({ force: true, count: 1 })).to.throw('does not support "obliterate"');
  });
});
