import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * All tests: type check, lint, format, then mocha. Arguments name test files or folders to run instead of all, and
 * then nothing else is checked. The last line on standard output is `N passed, N failed[, N skipped]`.
 */

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const PASSED: Counts = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Counts = { passed: 0, failed: 1, skipped: 0 };

const CHECKS: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['type check', 'tsc', '--noEmit'],
  ['lint', 'oxlint', '--deny-warnings', 'aggregator', 'client', 'shared', 'scripts', 'test', 'infra'],
  ['format', 'biome', 'check', '.'],
];

/** Runs one of the tools of `node_modules/.bin`; it counts as one test. */
async function check([name, program, ...args]: (typeof CHECKS)[number]): Promise<Counts> {
  process.stdout.write(`== ${name}\n`);
  const child = spawn(join(BIN, program), args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'close');
  if (code === 0) return PASSED;
  process.stdout.write(`${name} FAILED with exit code ${code}\n`);
  return FAILED;
}

/** Runs mocha in a process of its own, so that not even a crash of a test can lose the counts. */
async function mocha(files: readonly string[]): Promise<Counts> {
  process.stdout.write('== tests\n');
  const child = fork(join(import.meta.dirname, 'run-mocha.ts'), files, { cwd: ROOT });
  let counts: Counts | undefined;
  child.on('message', (message: unknown) => {
    if (isCounts(message)) counts = message;
  });
  const [code, signal] = await once(child, 'close');
  if (counts === undefined) {
    process.stdout.write(`the test process ended early (${signal ?? `exit code ${code}`}): counted as one failure\n`);
    return FAILED;
  }
  return counts;
}

function isCounts(message: unknown): message is Counts {
  if (typeof message !== 'object' || message === null) return false;
  const fields = new Map(Object.entries(message));
  return ['passed', 'failed', 'skipped'].every((name) => Number.isInteger(fields.get(name)));
}

const chosen = process.argv.slice(2);
const results: Counts[] = [];
for (const entry of chosen.length === 0 ? CHECKS : []) results.push(await check(entry));
results.push(await mocha(chosen));

const sum = (name: keyof Counts) => results.reduce((total, counts) => total + counts[name], 0);
const skipped = sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`;
process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed${skipped}\n`);
process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;
