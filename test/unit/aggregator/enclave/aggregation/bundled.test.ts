import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { buildEnclaveBundle } from '#scripts/bundle.ts';

describe('aggregation in a bundle', () => {
  it('finds its WebAssembly inside, reads nothing beside the bundle and loads no native code', async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'cloister-bundle-')));
    const bundle = await buildEnclaveBundle(join(folder, 'arena.mjs'), {
      entry: 'test/fixtures/aggregation/bundled-arena.ts',
    });
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--permission', `--allow-fs-read=${bundle.path}`, bundle.path],
      { cwd: folder },
    );
    await rm(folder, { recursive: true });
    expect(stderr).to.equal('');
    expect(JSON.parse(stdout)).to.deep.equal({
      backend: 'wasm-simd + tfjs-wasm',
      declined: 'a measured bundle loads nothing from outside itself',
      model: [10.5, 21, 31.5],
    });
  });
});
