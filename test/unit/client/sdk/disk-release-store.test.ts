import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { diskReleaseStore } from '#client/sdk/disk-release-store.ts';
import type { HeldRelease } from '#client/sdk/release-store.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { keepRelease } from '#test/fakes/keep-release.ts';
import { faultCode } from '#test/fakes/participant-run.ts';

function release(round: number): HeldRelease {
  return {
    digest: new Uint8Array(32).fill(round + 1),
    round,
    previous: new Uint8Array(32).fill(round),
    statement: utf8(`statement ${round}`),
    weights: Float32Array.of(round, 0.5, -round),
  };
}

describe('the release store on disk', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-store-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const payload = [utf8('sealed '), utf8('bytes')];
  const open = (retention: number | 'all' = 2) => diskReleaseStore(folder, nodeCrypto, retention);

  it('holds nothing at first', async () => {
    expect(await (await open()).newest()).to.equal(undefined);
  });

  it('finds the newest release again after a restart', async () => {
    const store = await open();
    for (const round of [0, 1, 10]) await keepRelease(store, release(round), payload);
    expect(await (await open()).newest()).to.deep.equal(release(10));
  });

  it('keeps every statement, and the weights and payloads of the newest only', async () => {
    const store = await open(1);
    for (const round of [0, 1]) await keepRelease(store, release(round), payload);
    const [older, newer] = (await readdir(folder)).toSorted();
    expect((await readdir(join(folder, older ?? ''))).toSorted()).to.deep.equal(['release.json', 'statement.json']);
    expect(await readdir(join(folder, newer ?? ''))).to.have.lengthOf(4);
  });

  it('keeps everything when asked to', async () => {
    const store = await open('all');
    for (const round of [0, 1, 2]) await keepRelease(store, release(round), payload);
    for (const name of await readdir(folder)) expect(await readdir(join(folder, name))).to.have.lengthOf(4);
  });

  it('ignores and removes what a crash left half written', async () => {
    await keepRelease(await open(), release(0), payload);
    const half = join(folder, 'incoming-release-0000000001-whatever');
    await mkdir(half);
    await writeFile(join(half, 'statement.json'), 'half');
    expect((await (await open()).newest())?.round).to.equal(0);
    expect(await readdir(folder)).to.have.lengthOf(1);
  });

  it('stops at a damaged release rather than fall back to an older one', async () => {
    const store = await open();
    for (const round of [0, 1]) await keepRelease(store, release(round), payload);
    const newest = (await readdir(folder)).toSorted().at(-1) ?? '';
    await writeFile(join(folder, newest, 'weights.f32'), new Uint8Array(12));
    expect(await faultCode(open())).to.equal('RELEASE_INVALID');
  });

  it('says so when the folder cannot be used', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(await faultCode(diskReleaseStore(join(file, 'store'), nodeCrypto))).to.equal('CONFIG_INVALID');
  });
});
