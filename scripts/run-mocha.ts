import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Mocha from 'mocha';

/**
 * Runs mocha on the files or folders named, or on all tests, with a readable report; sends the counts to the parent
 * process when there is one.
 */

const ROOT = join(import.meta.dirname, '..');

function filesOf(named: readonly string[]): string[] {
  const places = named.length === 0 ? ['test'] : named;
  const files = places.flatMap((place) =>
    statSync(join(ROOT, place)).isDirectory() ? globSync(join(place, '**/*.test.ts'), { cwd: ROOT }) : [place],
  );
  return files.toSorted().map((file) => join(ROOT, file));
}

const { timeout } = JSON.parse(readFileSync(join(ROOT, '.mocharc.json'), 'utf8')) as { timeout: number };
const mocha = new Mocha({ timeout, reporter: 'spec', forbidOnly: true });
for (const file of filesOf(process.argv.slice(2))) mocha.addFile(file);
await mocha.loadFilesAsync();

const counts = { passed: 0, failed: 0, skipped: 0 };
const runner = mocha.run(() => finish());
runner.on('pass', () => {
  counts.passed += 1;
});
// A hook that fails is reported as a failure too.
runner.on('fail', () => {
  counts.failed += 1;
});
runner.on('pending', () => {
  counts.skipped += 1;
});

/** A test that leaves a socket or timer open would keep the process alive, so it ends here. */
function finish(): void {
  const code = counts.failed === 0 ? 0 : 1;
  if (process.send === undefined) process.exit(code);
  process.send(counts, () => process.exit(code));
}
