import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ReleaseStore } from '#host/release-store.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { makeRelease, patternBytes } from '#test/fakes/host/files.ts';
import { temporaryFolder } from '#test/fakes/host/redis.ts';

const MANIFEST = new Uint8Array(32).fill(9);
const DIGEST = toHex(MANIFEST);

/** Adds a release of `round`; with `refusal`, its payload is refused for that reason. */
async function add(store: ReleaseStore, round: number, refusal?: string): Promise<string> {
  const made = makeRelease(MANIFEST, round, patternBytes(100, round));
  const release = toHex(made.release);
  const reason = await store.add({
    release,
    manifestDigest: DIGEST,
    round,
    statement: made.statement,
    writePayload: async (file) => {
      await file.writeFile(made.payload);
      return refusal;
    },
  });
  expect(reason).to.equal(refusal);
  return release;
}

describe('release store', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  it('keeps the newest payloads and every statement, also over a restart', async () => {
    const store = await ReleaseStore.open(folder.path, 2);
    for (const round of [0, 1, 10, 2]) await add(store, round);
    for (const shown of [store, await ReleaseStore.open(folder.path, 2)]) {
      expect(shown.list(DIGEST).map((stored) => [stored.round, stored.payloadBytes])).to.deep.equal([
        [0, undefined],
        [1, undefined],
        [2, 100],
        [10, 100],
      ]);
    }
    const [oldest] = store.list(DIGEST);
    expect(await readdir(oldest?.folder ?? '')).to.deep.equal(['statement.json']);
  });

  it('leaves nothing of a refused release', async () => {
    const store = await ReleaseStore.open(folder.path, 2);
    const release = await add(store, 1, 'altered');
    expect(store.find(release)).to.equal(undefined);
    expect(await readdir(join(folder.path, 'studies', DIGEST, 'releases'))).to.deep.equal([]);
  });

  it('clears away what a host left half written, and shows only folders that it names itself', async () => {
    const releases = join(folder.path, 'studies', DIGEST, 'releases');
    await mkdir(join(releases, '.incoming-abc'), { recursive: true });
    await mkdir(join(releases, `1-${'g'.repeat(64)}`));
    await writeFile(join(folder.path, 'studies', 'README'), '');
    const store = await ReleaseStore.open(folder.path, 2);
    expect(store.list(DIGEST)).to.deep.equal([]);
    expect(await readdir(releases)).to.deep.equal([`1-${'g'.repeat(64)}`]);
  });

  it('wakes all who wait for a release, and those who stop waiting get nothing', async () => {
    const store = await ReleaseStore.open(folder.path, 2);
    const release = toHex(makeRelease(MANIFEST, 5, patternBytes(100, 5)).release);
    const stopped = new AbortController();
    const waits = [new AbortController().signal, new AbortController().signal, stopped.signal];
    const waiting = waits.map((signal) => store.waitFor(release, signal));
    stopped.abort();
    expect(await waiting[2]).to.equal(undefined);
    await add(store, 5);
    for (const stored of await Promise.all(waiting.slice(0, 2))) expect(stored?.round).to.equal(5);
  });
});
