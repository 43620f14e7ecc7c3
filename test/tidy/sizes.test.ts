import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { lint } from './lint.ts';
import { CODE, filesIn, ROOT, read } from './sources.ts';

const CONFIG = join(ROOT, '.oxlintrc.json');

/** Where a type is asserted in the product, and why the compiler cannot see it. */
const CASTS: Readonly<Record<string, string>> = {
  'aggregator/boundary/frame.ts': 'the table pairs a name with the schema that the body has satisfied',
  'aggregator/host/memory-backend.ts': "the edge to BullMQ's interface, where what we lack throws",
  'client/sdk/answers.ts': 'a code is one of the table, looked up in the line above',
  'client/sdk/opening.ts': 'the one producer of the brand VerifiedOpening',
  'client/sdk/refusal-policy.ts': 'a code is one of the table',
  'scripts/bench/round/processes.ts': 'lines of a process that the bench started itself',
  'scripts/demo.ts': 'lines of processes that the demo started itself',
  'scripts/run-mocha.ts': 'a file of this repository',
  'shared/attestation/attested.ts': 'the one producer of the brand AttestedAggregator',
  'shared/protocol/messages.ts': 'the table pairs a name with the schema that the body has satisfied',
  'shared/release/verify-release.ts': 'the one producer of the brand VerifiedRelease',
  'shared/update/header.ts': 'the one producer of the brand VerifiedUpdateHeader',
};

const PRODUCT = CODE.filter((folder) => folder !== 'test');
/** Words that no source but this one holds. */
const WORDS = {
  'a suite or test left out or alone': /\b(describe|context|it)\.(only|skip)\(['"`]|\bx(it|describe)\(/,
  'an exception from a rule without its reason': /oxlint-disable(?!.* -- \S)|biome-ignore(?!.*: \S)/,
  'a compiler error silenced': /@ts-(ignore|expect-error|nocheck)/,
};
/** The clock without the name of a time: `new Date()`; with one it only reads numbers. */
const NOW = /\bnew Date\(\)/;

const longFile = `export const a = 1;\n${'// line\n'.repeat(400)}`;
const longFunction = `export function f(): void {\n${'  f();\n'.repeat(70)}}\n`;
/** What must not pass: where it stands, what it is, the rule that finds it. */
const PLANTED: readonly (readonly [path: string, source: string, rule: string])[] = [
  ['client/sdk/a.ts', longFile, 'max-lines'],
  ['client/sdk/a.ts', longFunction, 'max-lines-per-function'],
  ['client/sdk/a.ts', 'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1) => [a, b, c, d, e];', 'max-params'],
  [
    'client/sdk/a.ts',
    'export class A {\n  constructor(a: 1, b: 1, c: 1, d: 1, e: 1) {\n    console.log(a, b, c, d, e);\n  }\n}',
    'max-params',
  ],
  ['client/sdk/a.ts', 'export const a: any = 1;', 'no-explicit-any'],
  ['client/sdk/a.ts', 'export const f = (a?: number) => a!;', 'no-non-null-assertion'],
  ['client/sdk/a.ts', `// ${'TO'}${'DO'}: later\nexport const a = 1;`, 'no-warning-comments'],
  ['client/sdk/a.ts', `// @ts-${'ignore'}\nexport const a = 1;`, 'ban-ts-comment'],
  ['client/sdk/a.ts', 'console.log(1);', 'no-console'],
  ['aggregator/enclave/round/a.ts', 'console.log(1);', 'no-console'],
  ['client/sdk/a.ts', "export const a = eval('1');", 'no-eval'],
  ['client/sdk/a.ts', "export const a = new Function('1');", 'no-new-func'],
  ['client/sdk/a.ts', "setTimeout('1', 2);", 'no-implied-eval'],
  ['client/sdk/a.ts', 'export default 1;', 'no-default-export'],
  ['client/sdk/a.ts', 'try {\n  eval;\n} catch {}', 'no-empty'],
  ['shared/study/a.ts', 'export const a = Date.now();', 'no-restricted-properties'],
  ['shared/study/a.ts', 'export const a = Math.random();', 'no-restricted-properties'],
  ['shared/study/a.ts', 'export const a = process.pid;', 'no-restricted-globals'],
  ['aggregator/enclave/core.ts', 'setTimeout(() => 1, 2);', 'no-restricted-globals'],
  ['aggregator/enclave/round/a.ts', 'export const a = Date.now();', 'no-restricted-properties'],
  ['aggregator/boundary/a.ts', 'export const a = performance;', 'no-restricted-globals'],
];

describe('sizes and banned calls', () => {
  const folders: string[] = [];
  after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

  function planted(path: string, source: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'cloister-lint-'));
    folders.push(folder);
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), source);
    // Overrides by folder count from where the configuration lies.
    writeFileSync(join(folder, '.oxlintrc.json'), read('.oxlintrc.json'));
    return folder;
  }

  /** A configuration that knows one rule: no type assertions. */
  function castRule(): string {
    const folder = planted(
      'casts.json',
      JSON.stringify({
        plugins: ['typescript'],
        categories: { correctness: 'off' },
        rules: { 'typescript/consistent-type-assertions': ['error', { assertionStyle: 'never' }] },
      }),
    );
    return join(folder, 'casts.json');
  }

  it('every file keeps to the rules of .oxlintrc.json', async () => {
    const found = await lint(ROOT, CONFIG, CODE);
    expect(found.map(({ rule, path, line }) => `${path}:${line} ${rule}`)).to.deep.equal([]);
  });

  for (const [path, source, rule] of PLANTED) {
    it(`refuses by ${rule}, in ${path}: ${source.slice(0, 60).replaceAll('\n', ' ')}`, async () => {
      const folder = planted(path, source);
      const found = await lint(folder, join(folder, '.oxlintrc.json'), ['.']);
      expect(found.map((finding) => finding.rule)).to.include(rule);
    });
  }

  it('leaves the clock and the process to the adapters of the enclave', async () => {
    const folder = planted('aggregator/enclave/adapters/a.ts', 'export const a = [Date.now(), process.pid];');
    expect(await lint(folder, join(folder, '.oxlintrc.json'), ['.'])).to.deep.equal([]);
  });

  it('asserts a type only where this file says why, and each of those places still does', async () => {
    const found = await lint(ROOT, castRule(), PRODUCT);
    expect([...new Set(found.map(({ path }) => path))].toSorted()).to.deep.equal(Object.keys(CASTS).toSorted());
  });

  it('would find a type assertion, and takes `as const` for none', async () => {
    const folder = planted('shared/a.ts', 'export const a = [1] as const;\nexport const b = 1 as unknown;\n');
    const found = await lint(folder, castRule(), ['shared']);
    expect(found.map(({ line }) => line)).to.deep.equal([2]);
  });

  for (const [name, pattern] of Object.entries(WORDS)) {
    it(`no file holds ${name}`, () => {
      const here = 'test/tidy/sizes.test.ts';
      expect(filesIn(CODE).filter((path) => path !== here && pattern.test(read(path)))).to.deep.equal([]);
    });
  }

  it('would find each of those words', () => {
    const samples = ['it.only("', '// oxlint-disable-next-line no-eval', '// @ts-expect-error'];
    expect(Object.values(WORDS).map((pattern, i) => pattern.test(samples[i] ?? ''))).to.deep.equal([true, true, true]);
    expect(WORDS['an exception from a rule without its reason'].test('// oxlint-disable-line no-eval -- why')).to.equal(
      false,
    );
  });

  it('shared and the enclave ask no one for the time', () => {
    const pure = filesIn(['shared', 'aggregator/boundary', 'aggregator/enclave']);
    expect(pure.filter((path) => !path.includes('/adapters/') && NOW.test(read(path)))).to.deep.equal([]);
    expect(NOW.test('const now = new Date();')).to.equal(true);
  });
});
