import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { cyclesOf, type Import, importsOf, zoneOf } from './imports.ts';
import { CODE, filesIn, ROOT, read } from './sources.ts';

const PURE = ['@noble/curves', '@noble/hashes', '@noble/post-quantum', '@sinclair/typebox', 'msgpackr', 'yaml'];
const TENSORS = 'aggregator/enclave/aggregation/tensors.ts';
/** What of `shared` the host may know: bytes, codecs, faults, and the envelopes and routes that it stores and serves. */
const HOST_KNOWS = /^shared\/(bytes|codec|dsse|fault|protocol)\//;
/** Who owns the queues: one file a queue, one for the connection, one that keeps BullMQ's jobs in memory. */
const QUEUE_FILES = ['command-queue.ts', 'release-queue.ts', 'queue-link.ts', 'memory-backend.ts'].map(
  (name) => `aggregator/host/${name}`,
);
const REDIS_FILES = ['queue-link.ts', 'redis-process.ts', 'payload-store.ts'].map((name) => `aggregator/host/${name}`);
/** Tests may reach everything, scripts and `infra` everything but tests. */
const ZONES_SEEN: Readonly<Record<string, readonly string[]>> = {
  shared: ['shared'],
  boundary: ['boundary', 'shared'],
  enclave: ['enclave', 'boundary', 'shared'],
  host: ['host', 'boundary', 'shared'],
  client: ['client', 'shared'],
  infra: ['infra', 'shared', 'client'],
  scripts: ['scripts', 'infra', 'client', 'enclave', 'host', 'shared'],
};
/**
 * The one way into the enclave's code from outside: participants make evidence by the same adapters as the enclave does,
 * so that there is one implementation, and the one that is measured.
 */
const SHARED_ATTESTERS = { folder: 'aggregator/enclave/attester/', by: 'client/participant/attester.ts' } as const;
/** Inside the enclave: whom a folder may import; `main.ts` wires everything. */
const FOLDERS_SEEN: Readonly<Record<string, readonly string[]>> = {
  'settings.ts': ['attester'],
  'core.ts': ['aggregation', 'command', 'keys', 'ports', 'session', 'study'],
  study: ['aggregation', 'intake', 'keys', 'ports', 'publication', 'round', 'session'],
  intake: ['aggregation', 'ports'],
  session: ['keys', 'ports'],
  adapters: ['ports'],
  attester: ['ports'],
  publication: ['ports'],
  aggregation: [],
  command: [],
  keys: [],
  ports: [],
  round: [],
};

type Rule = (entry: Import) => boolean;

/** The rules by name; each says whether an import breaks it. */
const RULES: Readonly<Record<string, Rule>> = {
  'shared imports itself and pure packages; Node only in shared/crypto/node.ts': ({ from, to }) =>
    zoneOf(from) === 'shared' &&
    zoneOf(to) !== 'shared' &&
    !PURE.includes(to) &&
    !(from === 'shared/crypto/node.ts' && to === 'node:crypto'),
  'a zone imports only the zones below it': ({ from, to }) => {
    const target = zoneOf(to);
    const seen = ZONES_SEEN[zoneOf(from) ?? ''];
    if (from === SHARED_ATTESTERS.by && to.startsWith(SHARED_ATTESTERS.folder)) return false;
    return target !== undefined && seen !== undefined && !seen.includes(target);
  },
  'enclave and boundary use no packages but ws, tfjs and typebox': ({ from, to }) =>
    ['enclave', 'boundary'].includes(zoneOf(from) ?? '') &&
    zoneOf(to) === undefined &&
    !to.startsWith('node:') &&
    !['ws', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm', '@sinclair/typebox'].includes(to),
  'one file of the enclave knows the tensor library': ({ from, to }) =>
    zoneOf(from) === 'enclave' && to.startsWith('@tensorflow/') && from !== TENSORS,
  'in the enclave only adapters, main.ts and what loads the tensor library use Node': ({ from, to }) =>
    zoneOf(from) === 'enclave' &&
    to.startsWith('node:') &&
    !/^aggregator\/enclave\/(adapters\/|attester\/transport\/|(main|settings)\.ts$|aggregation\/(wasm-binary|tensors)\.ts$)/.test(
      from,
    ),
  'inside the enclave imports go one way': ({ from, to }) => {
    if (zoneOf(from) !== 'enclave' || zoneOf(to) !== 'enclave' || from === 'aggregator/enclave/main.ts') return false;
    const [here = '', there = ''] = [from, to].map((path) => path.split('/')[2] ?? '');
    return here !== there && !FOLDERS_SEEN[here]?.includes(there);
  },
  'the host knows neither updates nor keys': ({ from, to }) =>
    zoneOf(from) === 'host' && zoneOf(to) === 'shared' && !HOST_KNOWS.test(to),
  'BullMQ belongs to the queue files of the host': ({ from, to }) =>
    to === 'bullmq' && zoneOf(from) !== 'test' && !QUEUE_FILES.includes(from),
  'ioredis belongs to the Redis files of the host': ({ from, to }) =>
    to === 'ioredis' && zoneOf(from) !== 'test' && !REDIS_FILES.includes(from),
  'the SDK knows neither commands nor coordinators': ({ from, to }) =>
    from.startsWith('client/sdk/') && /^client\/(cli|coordinator|participant|data)\//.test(to),
  'nothing in client but the command line knows the command line': ({ from, to }) =>
    zoneOf(from) === 'client' && !from.startsWith('client/cli/') && to.startsWith('client/cli/'),
  'across zones an import says the zone by its alias': ({ from, to, specifier }) =>
    zoneOf(to) !== undefined && zoneOf(from) !== zoneOf(to) && !specifier.startsWith('#'),
  'nothing imports a file that names no `.ts`': ({ to }) => zoneOf(to) !== undefined && !/\.(ts|json)$/.test(to),
};

function breaches(rule: Rule, imports: readonly Import[]): string[] {
  return imports.filter(rule).map(({ from, specifier }) => `${from} imports ${specifier}`);
}

/** One import for each rule that breaks it, and no other reason to exist. */
const PLANTED: Readonly<Record<string, readonly [from: string, to: string, specifier?: string]>> = {
  'shared imports itself and pure packages; Node only in shared/crypto/node.ts': ['shared/bytes/a.ts', 'node:crypto'],
  'a zone imports only the zones below it': ['aggregator/enclave/core.ts', 'aggregator/host/relay.ts'],
  'enclave and boundary use no packages but ws, tfjs and typebox': ['aggregator/enclave/core.ts', 'pino'],
  'one file of the enclave knows the tensor library': ['aggregator/enclave/core.ts', '@tensorflow/tfjs-core'],
  'in the enclave only adapters, main.ts and what loads the tensor library use Node': [
    'aggregator/enclave/core.ts',
    'node:fs',
  ],
  'inside the enclave imports go one way': ['aggregator/enclave/round/run.ts', 'aggregator/enclave/session/session.ts'],
  'the host knows neither updates nor keys': ['aggregator/host/relay.ts', 'shared/hpke/open.ts'],
  'BullMQ belongs to the queue files of the host': ['aggregator/host/relay.ts', 'bullmq'],
  'ioredis belongs to the Redis files of the host': ['aggregator/host/relay.ts', 'ioredis'],
  'the SDK knows neither commands nor coordinators': ['client/sdk/join.ts', 'client/coordinator/order.ts'],
  'nothing in client but the command line knows the command line': ['client/data/csv.ts', 'client/cli/log.ts'],
  'across zones an import says the zone by its alias': ['client/sdk/join.ts', 'shared/a.ts', '../../shared/a.ts'],
  'nothing imports a file that names no `.ts`': ['client/sdk/join.ts', 'client/sdk/attest'],
};

describe('imports', () => {
  let imports: readonly Import[] = [];
  before(async () => {
    imports = await importsOf(ROOT, filesIn(CODE), read);
  });

  for (const [name, rule] of Object.entries(RULES)) {
    it(name, () => {
      expect(breaches(rule, imports)).to.deep.equal([]);
    });

    it(`would find a breach: ${name}`, () => {
      const [from, to, specifier = to] = PLANTED[name] ?? [];
      const planted = { from, to, specifier, kind: 'type' };
      expect(breaches(rule, [...imports, planted as Import])).to.have.length(1);
    });
  }

  it('opens the attesters of the enclave to the one file of participants, and nothing else of it', () => {
    const rule = RULES['a zone imports only the zones below it'];
    const [by, attester] = ['client/participant/attester.ts', 'aggregator/enclave/attester/tpm.ts'];
    const broken = [
      [by, attester],
      [by, 'aggregator/enclave/core.ts'],
      ['client/sdk/join.ts', attester],
      ['shared/attestation/verify.ts', attester],
    ].map(([from = '', to = '']) => rule?.({ from, to, specifier: to, kind: 'value' }));
    expect(broken).to.deep.equal([false, true, true, true]);
  });

  it('no values are imported in a circle', () => {
    expect(cyclesOf(imports)).to.deep.equal([]);
  });

  it('the tensor library is imported, by exactly one file of the enclave', () => {
    const files = imports.filter(({ from, to }) => zoneOf(from) === 'enclave' && to.startsWith('@tensorflow/'));
    expect([...new Set(files.map(({ from }) => from))]).to.deep.equal([TENSORS]);
  });

  it('a dynamic import names its target, but for the native tensor library that may not be there', () => {
    const unnamed = filesIn(['aggregator', 'client', 'shared', 'infra', 'scripts']).filter((path) =>
      /\bimport\((?!')/.test(read(path)),
    );
    expect(unnamed).to.deep.equal([TENSORS, 'client/trainer/tensor-backend.ts']);
  });

  it('only client/sdk/index.ts passes on what other files own', () => {
    const barrels = filesIn(CODE).filter((path) => /^export (\*|\{[^}]*\} from|type \{[^}]*\} from)/m.test(read(path)));
    expect(barrels).to.deep.equal(['client/sdk/index.ts']);
  });
});

describe('importsOf', () => {
  let folder = '';
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function planted(sources: Readonly<Record<string, string>>): Promise<readonly Import[]> {
    folder = mkdtempSync(join(tmpdir(), 'cloister-imports-'));
    for (const [path, text] of Object.entries(sources)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return importsOf(folder, Object.keys(sources), (path) => readFileSync(join(folder, path), 'utf8'));
  }

  it('tells values, types, re-exports and dynamic imports apart from text that looks like them', async () => {
    const imports = await planted({
      'shared/a.ts': [
        "import { readFile } from 'fs/promises';",
        "import type {\n  B,\n} from './b.ts';",
        "export { b } from './b.ts';",
        "export const late = () => import('./c.ts');",
        "export type C = typeof import('./c.ts');",
        "// import { no } from 'comment';",
        "export const text = `\nimport { no } from 'text';\n`;",
        'export const read: typeof readFile = readFile;\nexport type D = B;',
      ].join('\n'),
      'shared/b.ts': 'export interface B {}\nexport const b = 1;\n',
      'shared/c.ts': 'export const c = 1;\n',
    });
    expect(imports.map(({ to, kind }) => `${kind} ${to}`).toSorted()).to.deep.equal([
      'type shared/b.ts',
      'type shared/c.ts',
      'value node:fs/promises',
      'value shared/b.ts',
      'value shared/c.ts',
    ]);
  });

  it('finds a circle of values and leaves one of types alone', async () => {
    const circle = await planted({
      'shared/a.ts': "import { b } from './b.ts';\nexport const a = () => b;\n",
      'shared/b.ts': "import { a } from './a.ts';\nexport const b = () => a;\n",
    });
    expect(cyclesOf(circle)).to.deep.equal([['shared/a.ts', 'shared/b.ts']]);
    rmSync(folder, { recursive: true });
    const types = await planted({
      'shared/a.ts': "import { b } from './b.ts';\nexport type A = 1;\nexport const a = b;\n",
      'shared/b.ts': "import type { A } from './a.ts';\nexport const b: A = 1;\n",
    });
    expect(cyclesOf(types)).to.deep.equal([]);
  });
});
