import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { pieceKey } from '#host/payload-store.ts';
import { openQueue, type QueueLink, settingProblems } from '#host/queue-link.ts';
import type { RedisProcess } from '#host/redis-process.ts';
import { startRedis } from '#host/redis-process.ts';
import { ReleaseIntake } from '#host/release-intake.ts';
import { type ReleaseJob, ReleaseQueue, type Settled } from '#host/release-queue.ts';
import { ReleaseStore } from '#host/release-store.ts';
import { settleRelease } from '#host/release-worker.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { type MadeRelease, makeRelease, patternBytes } from '#test/fakes/host/files.ts';
import { realRedis, SILENT, temporaryFolder } from '#test/fakes/host/redis.ts';

const MANIFEST = new Uint8Array(32).fill(3);
const MIB = 1024 * 1024;

/** Sends a release through the intake as the enclave does. */
async function publish(intake: ReleaseIntake, made: MadeRelease, transfer: number): Promise<string | undefined> {
  const { manifestDigest, round, payload, statement, release } = made;
  const begun = intake.begin({ manifestDigest, round, transfer, bytes: payload.length });
  if (begun !== undefined) return begun;
  for (let offset = 0; offset < payload.length; offset += MIB) {
    const reason = await intake.piece({ transfer, offset, bytes: payload.subarray(offset, offset + MIB) });
    if (reason !== undefined) return reason;
  }
  return intake.end({ transfer, statement, release });
}

describe('the release queue on a real Redis', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let redis: RedisProcess;
  let link: QueueLink;
  let store: ReleaseStore;
  let queue: ReleaseQueue;
  let jobs: ReleaseJob[];
  /** What a test does to a job before the worker settles it. */
  let before: (job: ReleaseJob) => Promise<void>;
  let ended: PromiseWithResolvers<Settled>;

  beforeEach(async function () {
    folder = await temporaryFolder();
    redis = await realRedis(this, join(folder.path, 'redis'));
    link = await openQueue({ url: redis.socketPath, folder: folder.path, searchPath: '' }, SILENT);
    store = await ReleaseStore.open(folder.path, 8);
    jobs = [];
    before = async () => {};
    ended = Promise.withResolvers();
    queue = new ReleaseQueue(link.transport, { settle, log: SILENT, retryDelayMs: 1 });
  });

  afterEach(async () => {
    await queue?.close();
    await link?.close();
    await redis?.stop();
    await folder.remove();
  });

  async function settle(job: ReleaseJob): Promise<Settled> {
    jobs.push(job);
    await before(job);
    const settled = await settleRelease(job, link.payloads, store);
    ended.resolve(settled);
    return settled;
  }

  function intake(): ReleaseIntake {
    return new ReleaseIntake({ payloads: link.payloads, publish: (job) => queue.add(job) });
  }

  async function withRedis<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis({ path: redis.socketPath });
    try {
      return await use(client);
    } finally {
      client.disconnect();
    }
  }

  it('a release of several pieces is stored byte for byte, and its pieces leave Redis', async () => {
    const made = makeRelease(MANIFEST, 1, patternBytes(2 * MIB + 17, 1));
    expect(await publish(intake(), made, 1)).to.equal(undefined);
    expect(await ended.promise).to.deep.equal({ kind: 'done' });
    const stored = store.find(toHex(made.release));
    if (stored === undefined) throw new Error('the release is not in the store');
    expect(Buffer.compare(await readFile(store.payloadPath(stored)), made.payload)).to.equal(0);
    expect(Buffer.compare(await readFile(store.statementPath(stored)), made.statement)).to.equal(0);
    expect(await withRedis((client) => client.keys('cloister:*'))).to.deep.equal([]);
  });

  it('the same release twice is one job and one stored release, and leaves no second payload behind', async () => {
    const made = makeRelease(MANIFEST, 1, patternBytes(MIB, 2));
    const receiver = intake();
    expect(await publish(receiver, made, 1)).to.equal(undefined);
    await ended.promise;
    expect(await publish(receiver, made, 2)).to.equal(undefined);
    expect(jobs).to.have.length(1);
    expect(store.list(toHex(MANIFEST))).to.have.length(1);
    expect(await withRedis((client) => client.keys('cloister:*'))).to.deep.equal([]);
  });

  it('a job holds ids and digests, and no payload', async () => {
    const made = makeRelease(MANIFEST, 1, patternBytes(MIB, 3));
    await publish(intake(), made, 1);
    await ended.promise;
    const job = await withRedis((client) => client.hget(`bull:cloister-release:${toHex(made.release)}`, 'data'));
    expect(job?.length).to.be.lessThan(400);
  });

  it('a payload altered in Redis is refused by its digest, and the job fails with the reason', async () => {
    before = async (job) => {
      await withRedis((client) => client.setrange(pieceKey(job.payloadId, 1), 5, 'x'));
    };
    const made = makeRelease(MANIFEST, 1, patternBytes(2 * MIB, 4));
    await publish(intake(), made, 1);
    const settled = await ended.promise;
    expect(settled)
      .to.have.property('reason')
      .that.matches(/^the payload in the queue has SHA-256 .* altered$/);
    expect(store.find(toHex(made.release))).to.equal(undefined);
    await queue.close();
    queue = new ReleaseQueue(link.transport, { settle, log: SILENT });
    expect((await queue.state(toHex(made.release))).failedReason).to.match(/was altered$/);
    expect((await queue.state(toHex(made.release))).state).to.equal('failed');
    expect(jobs).to.have.length(1);
  });

  it('a release whose publication failed can be published again', async () => {
    before = async (job) => link.payloads.remove(job.payloadId, job.pieces);
    const made = makeRelease(MANIFEST, 1, patternBytes(MIB, 5));
    const receiver = intake();
    await publish(receiver, made, 1);
    expect(await ended.promise).to.have.property('kind', 'refused');
    await queue.close();
    before = async () => {};
    ended = Promise.withResolvers();
    queue = new ReleaseQueue(link.transport, { settle, log: SILENT });
    await publish(receiver, made, 2);
    expect(await ended.promise).to.deep.equal({ kind: 'done' });
  });

  it('a worker that lost Redis in the middle stores the release when Redis is back', async () => {
    let restarts = 0;
    before = async () => {
      if (restarts > 0) return;
      restarts += 1;
      await redis.stop();
      redis = await startRedis('redis-server', join(folder.path, 'redis'));
      // The world failed in the middle of a job: what follows must be another attempt.
      throw new Error('lost the queue');
    };
    const made = makeRelease(MANIFEST, 1, patternBytes(2 * MIB, 6));
    await publish(intake(), made, 1);
    expect(await ended.promise).to.deep.equal({ kind: 'done' });
    expect(jobs.length).to.be.greaterThan(1);
    expect(store.find(toHex(made.release))?.payloadBytes).to.equal(2 * MIB);
  });

  it('a forged job that names another release than its id is never settled', async () => {
    const forged = {
      release: 'a'.repeat(64),
      manifestDigest: 'b'.repeat(64),
      round: 0,
      payloadId: 'c'.repeat(32),
      pieces: 1,
      bytes: 1,
    };
    await queue.add(forged);
    await ended.promise;
    expect(jobs).to.have.length(1);
    expect(await settleRelease(forged, link.payloads, store))
      .to.have.property('reason')
      .that.matches(/statement is gone/);
  });

  it('a Redis that may forget jobs is named at the start', async () => {
    const problems = await withRedis(async (client) => {
      expect(await settingProblems(client)).to.deep.equal([]);
      await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await client.config('SET', 'appendonly', 'no');
      return settingProblems(client);
    });
    expect(problems).to.have.length(2);
    expect(problems[0]).to.contain('allkeys-lru').and.to.contain('noeviction');
    expect(problems[1]).to.contain('appendonly');
  });

  it('a server left behind on the same socket gives way to a new one', async () => {
    await queue.close();
    await link.close();
    redis = await startRedis('redis-server', join(folder.path, 'redis'));
    link = await openQueue({ url: redis.socketPath, folder: folder.path, searchPath: '' }, SILENT);
    queue = new ReleaseQueue(link.transport, { settle, log: SILENT });
    const answer = await withRedis((client) => client.ping());
    expect(answer).to.equal('PONG');
  });
});
