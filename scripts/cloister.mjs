#!/usr/bin/env node
// The package's bin. Plain JavaScript for any Node from 20 on: hands over to the pinned Node, which runs the sources as they are.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../client/cli/main.ts', import.meta.url));
const PINNED = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

/** A terminal gives Ctrl-C to the child as well; it must not get it twice. Ours is then ignored: the child decides. */
const FORWARDED = process.stdin.isTTY ? ['SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Whether this Node runs TypeScript sources itself, without a flag (22.18, 23.6 and later). */
function runsTypeScript() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

const node = existsSync(PINNED) ? PINNED : process.execPath;
if (node === process.execPath && !runsTypeScript()) {
  process.stderr.write(
    `error CONFIG_INVALID: the pinned Node is not installed and Node ${process.versions.node} cannot run the sources\n` +
      'Run "npm install" in the package, or use Node 24.\n',
  );
  process.exit(2);
}

// As infra/runtime.ts says; this file runs before any TypeScript can.
const child = spawn(node, ['--no-incremental-marking', MAIN, ...process.argv.slice(2)], { stdio: 'inherit' });
process.on('SIGINT', () => {});
for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
child.once('error', (error) => {
  process.stderr.write(`error CONFIG_INVALID: ${node} cannot be started: ${error.message}\n`);
  process.exitCode = 2;
});
child.once('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  for (const name of ['SIGINT', ...FORWARDED]) process.removeAllListeners(name);
});
