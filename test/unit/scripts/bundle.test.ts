import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { buildEnclaveBundle } from '#scripts/bundle.ts';
import { measureBundle } from '#scripts/measure.ts';
import { InvariantFault } from '#shared/fault/fault.ts';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const WASM_MODULE = 'aggregator/enclave/aggregation/wasm-binary.ts';
const run = promisify(execFile);

/** An entry with all that makes bundling hard: WASM, CommonJS, optional natives, an alias. */
const ENTRY = `
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { WebSocketServer } from 'ws';
import { tfjsWasmBinary } from '#enclave/aggregation/wasm-binary.ts';
import { toHex } from '#shared/bytes/bytes.ts';
setWasmPaths('embedded/', true);
tf.env().platform.fetch = async () => new Response(tfjsWasmBinary(), { headers: { 'content-type': 'application/wasm' } });
const ready = await tf.setBackend('wasm');
const native = await import('@tensorflow/tfjs-node').then(() => true, () => false);
const sum = Array.from(await tf.add(tf.tensor1d([1, 2]), tf.tensor1d([3, 4])).data());
console.log(JSON.stringify({ ready, native, sum, ws: typeof WebSocketServer, hex: toHex(Uint8Array.of(255)) }));
`;

describe('buildEnclaveBundle', () => {
  const folders: string[] = [];
  after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

  async function temporary(): Promise<string> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'cloister-test-')));
    folders.push(folder);
    return folder;
  }

  /** A checkout of its own: the sources copied, the packages linked. */
  async function checkout(entry: string): Promise<string> {
    const root = await temporary();
    await cp(join(CHECKOUT, 'shared'), join(root, 'shared'), { recursive: true });
    await copyFile(join(CHECKOUT, 'package.json'), join(root, 'package.json'));
    await symlink(join(CHECKOUT, 'node_modules'), join(root, 'node_modules'));
    await mkdir(dirname(join(root, WASM_MODULE)), { recursive: true });
    await writeFile(
      join(root, WASM_MODULE),
      "export function tfjsWasmBinary(): Uint8Array { throw new Error('from disk'); }",
    );
    await writeFile(join(root, 'aggregator/enclave/main.ts'), entry);
    return root;
  }

  it('gives the same bytes in two folders, none of which it names', async () => {
    const [first, second] = await Promise.all([checkout(ENTRY), checkout(ENTRY)]);
    const built = await Promise.all([first, second].map((root) => buildEnclaveBundle(join(root, 'out.mjs'), { root })));
    expect(built[0]?.sha384).to.equal(built[1]?.sha384);
    const text = await readFile(join(first, 'out.mjs'), 'utf8');
    for (const folder of [first, second, CHECKOUT, tmpdir()]) expect(text.includes(folder)).to.equal(false);
    expect(text).to.not.include('sourceMappingURL=');
  });

  it('gives the enclave of this checkout the same bytes in a copy of its sources', async () => {
    const root = await temporary();
    for (const folder of ['shared', 'aggregator'])
      await cp(join(CHECKOUT, folder), join(root, folder), { recursive: true });
    await copyFile(join(CHECKOUT, 'package.json'), join(root, 'package.json'));
    await symlink(join(CHECKOUT, 'node_modules'), join(root, 'node_modules'));
    const copy = await buildEnclaveBundle(join(root, 'out.mjs'), { root });
    const here = await buildEnclaveBundle(join(await temporary(), 'out.mjs'));
    expect(copy.sha384).to.equal(here.sha384);
  });

  it('writes what it says it wrote', async () => {
    const root = await checkout('export const answer: number = 42;');
    const bundle = await buildEnclaveBundle(join(root, 'a', 'out.mjs'), { root });
    const contents = await readFile(bundle.path);
    expect(bundle.bytes).to.equal(contents.length);
    expect(bundle.sha384).to.equal(createHash('sha384').update(contents).digest('hex'));
    expect(await measureBundle(bundle.path)).to.deep.equal({ sha384: bundle.sha384, bytes: bundle.bytes });
  });

  it('gives another digest for another source', async () => {
    const roots = await Promise.all([checkout('console.log(1);'), checkout('console.log(2);')]);
    const [one, two] = await Promise.all(roots.map((root) => buildEnclaveBundle(join(root, 'out.mjs'), { root })));
    expect(one?.sha384).to.not.equal(two?.sha384);
  });

  it('runs alone, without packages, under the permission model', async () => {
    const root = await checkout(ENTRY);
    const alone = join(await temporary(), 'enclave.mjs');
    await buildEnclaveBundle(alone, { root });
    const { stdout } = await run(process.execPath, ['--permission', `--allow-fs-read=${alone}`, alone]);
    const line = stdout.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(line)).to.deep.equal({ ready: true, native: false, sum: [4, 6], ws: 'function', hex: 'ff' });
  });

  for (const foreign of ['client/sdk/secret.ts', 'aggregator/host/relay.ts']) {
    it(`refuses an enclave that imports ${foreign}`, async () => {
      const root = await checkout(`import '../../${foreign}';`);
      await mkdir(dirname(join(root, foreign)), { recursive: true });
      await writeFile(join(root, foreign), "console.log('foreign');");
      expect(await outcomeOf(buildEnclaveBundle(join(root, 'out.mjs'), { root }))).to.be.instanceOf(InvariantFault);
    });
  }

  it('fails for sources that do not compile, and writes nothing', async () => {
    const root = await checkout('const = ;');
    expect(await outcomeOf(buildEnclaveBundle(join(root, 'out.mjs'), { root }))).to.be.instanceOf(Error);
    expect(await outcomeOf(readFile(join(root, 'out.mjs')))).to.have.property('code', 'ENOENT');
  });
});

async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
