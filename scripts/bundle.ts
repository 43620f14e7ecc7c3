import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { assert } from '#shared/fault/fault.ts';

/** A bundle as written. */
export interface EnclaveBundle {
  readonly path: string;
  /** SHA-384 of the file, lower-case hex. */
  readonly sha384: string;
  readonly bytes: number;
  /** What went in: every module and how many of its bytes are left in the bundle. */
  readonly metafile: Metafile;
}

/** What to build, for tests; the enclave of this checkout otherwise. */
export interface BundleOptions {
  /** Folder of the checkout: holds `package.json` and `node_modules`. */
  readonly root?: string;
  /** Entry, relative to `root`. */
  readonly entry?: string;
}

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
/** Where the bundle of this checkout is kept. */
export const DEFAULT_BUNDLE = join(ROOT, '.cloister', 'enclave.mjs');
const ENTRY = 'aggregator/enclave/main.ts';
/** The module that reads the WASM binary from disk in source form; the bundle holds the bytes instead. */
const WASM_MODULE = /[\\/]aggregator[\\/]enclave[\\/]aggregation[\\/]wasm-binary\.ts$/;
/** Node 24 has SIMD on every platform, and tfjs uses no threads in Node: one of its three binaries is enough. */
const WASM_FILE = '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm';
/** Native helpers that `ws` tries and does without: unmeasured machine code stays out. */
const LEFT_OUT = /^(bufferutil|utf-8-validate)$/;
/** Native TensorFlow cannot be bundled; the enclave tries it by a dynamic import. */
const EXTERNAL = ['@tensorflow/tfjs-node'];
/** What must never be measured into the enclave: host and client code, and what only they use. */
const FOREIGN = /^(aggregator\/host|client|infra|scripts|test)\/|^node_modules\/(bullmq|ioredis|pino|commander)\//;

/** CommonJS packages call `require` for Node's own modules, which an ES module lacks. */
const BANNER = [
  "import { createRequire as cloisterCreateRequire } from 'node:module';",
  "import { fileURLToPath as cloisterFileURLToPath } from 'node:url';",
  'const require = cloisterCreateRequire(import.meta.url);',
  'const __filename = cloisterFileURLToPath(import.meta.url);',
  "const __dirname = cloisterFileURLToPath(new URL('.', import.meta.url));",
].join('\n');

/**
 * Builds the enclave into the one file that is measured. The same sources and packages give the same bytes in any
 * folder: names in the output are relative, nothing is read from the surrounding configuration, and no time is written.
 * The output is not minified, so that it can be audited as it runs.
 */
export async function buildEnclaveBundle(outFile: string, options: BundleOptions = {}): Promise<EnclaveBundle> {
  const root = resolve(options.root ?? ROOT);
  const result = await build({
    absWorkingDir: root,
    entryPoints: [options.entry ?? ENTRY],
    outfile: 'enclave.mjs',
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    // ES modules where a package has them: they can be shaken, CommonJS cannot.
    mainFields: ['module', 'main'],
    target: 'node24',
    format: 'esm',
    charset: 'utf8',
    minify: false,
    sourcemap: false,
    legalComments: 'inline',
    banner: { js: BANNER },
    external: EXTERNAL,
    loader: { '.wasm': 'binary' },
    // Paths inside node_modules stay as they are written, also where that folder is a link to another place.
    preserveSymlinks: true,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, target: 'es2023' } },
    logLevel: 'silent',
    plugins: [embedWasm(root), leaveOut()],
  });
  refuseForeign(result.metafile, options.entry ?? ENTRY);
  const [file] = result.outputFiles;
  assert(file !== undefined && result.outputFiles.length === 1, 'the enclave bundle is one file');
  const named = ['aggregator', 'shared', 'node_modules'].filter((folder) => file.text.includes(join(root, folder)));
  assert(named.length === 0, `the enclave bundle names the folder that it was built in: ${named.join(', ')}`);
  return { ...(await write(resolve(outFile), file.contents)), metafile: result.metafile };
}

async function write(path: string, contents: Uint8Array): Promise<Omit<EnclaveBundle, 'metafile'>> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  await writeFile(fresh, contents);
  // Whoever reads the path sees a whole bundle, old or new.
  await rename(fresh, path);
  return { path, sha384: createHash('sha384').update(contents).digest('hex'), bytes: contents.length };
}

function embedWasm(root: string): Plugin {
  return {
    name: 'embed-wasm',
    setup(builder) {
      builder.onLoad({ filter: WASM_MODULE }, () => ({
        contents: `import bytes from '${WASM_FILE}';\nexport function tfjsWasmBinary() {\n  return bytes;\n}\n`,
        loader: 'ts',
        resolveDir: root,
      }));
    },
  };
}

function leaveOut(): Plugin {
  return {
    name: 'leave-out',
    setup(builder) {
      builder.onResolve({ filter: LEFT_OUT }, ({ path }) => ({ path, namespace: 'left-out' }));
      builder.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
        contents: `throw new Error('${path} is not part of the enclave');\n`,
        loader: 'js',
      }));
    },
  };
}

function refuseForeign(metafile: Metafile, entry: string): void {
  const foreign = Object.keys(metafile.inputs).filter((path) => path !== entry && FOREIGN.test(path));
  assert(foreign.length === 0, `code that does not belong into the enclave: ${foreign.join(', ')}`);
}
