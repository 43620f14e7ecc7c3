/**
 * `npm start` and `npm test`: brings the folder into a state in which the work can be done, says what it does, then
 * does the work under the pinned Node. Plain JavaScript without dependencies, for any Node from 20 on.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules', '.bin');
const LOCK = join(ROOT, 'package-lock.json');
const STAMP = join(ROOT, 'node_modules', '.cloister-lock-sha256');
const SCRIPTS = { start: 'scripts/demo.ts', test: 'scripts/test.ts' };

/** AES-GCM into fresh buffers is three times faster when glibc keeps its pages instead of returning them. */
const MALLOC = {
  MALLOC_MMAP_THRESHOLD_: '1073741824',
  MALLOC_TRIM_THRESHOLD_: '2147483648',
  MALLOC_TOP_PAD_: '67108864',
};

const NODE_MAJOR_MIN = 20;
const PINNED_MAJOR = 24;
const PROGRESS_MS = 5000;
const REPEATED_SIGNAL_MS = 1000;
const STOP_MS = 20_000;

/** One line about what is being done. */
function say(text) {
  process.stdout.write(`cloister: ${text}\n`);
}

/** Says why the work cannot be done and ends with `code`. */
function giveUp(text, code = 1) {
  process.stderr.write(`cloister: ${text}\n`);
  process.exit(code);
}

/** Full path of `name` on PATH, or undefined. */
function findProgram(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; accessSync has no other way to say so.
    }
  }
  return undefined;
}

/** What is running now, so that a signal can end it. */
let current;

/**
 * Runs a program in a process group of its own and resolves to its exit code. With `quiet`, its output is shown only
 * when it fails, and a line tells now and then that it goes on.
 */
function run(program, args, { env = process.env, quiet } = {}) {
  return new Promise((resolve) => {
    const stdio = quiet === undefined ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'];
    const child = spawn(program, args, { cwd: ROOT, env, stdio, detached: true });
    current = child;
    const output = [];
    child.stdout?.on('data', (bytes) => output.push(bytes));
    child.stderr?.on('data', (bytes) => output.push(bytes));
    const started = Date.now();
    const timer = setInterval(() => {
      if (quiet !== undefined) say(`  ${quiet}: ${Math.round((Date.now() - started) / 1000)} s`);
    }, PROGRESS_MS);
    child.once('error', (error) => {
      output.push(Buffer.from(`${program}: ${error.message}\n`));
      if (quiet === undefined) process.stderr.write(`cloister: ${program}: ${error.message}\n`);
      finish(127);
    });
    child.once('close', (code, signal) => finish(code ?? 128 + osConstants.signals[signal]));
    function finish(code) {
      clearInterval(timer);
      endGroup(child, 'SIGKILL');
      current = undefined;
      if (quiet !== undefined && code !== 0) process.stderr.write(Buffer.concat(output));
      resolve(code);
    }
  });
}

/** Signals the whole process group of `child`, if there still is one. */
function endGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

let stoppedBy;
let stoppedAt = 0;

/** The first signal asks the work to stop; a later one, or too long a wait, ends it. */
function onSignal(signal) {
  const now = Date.now();
  // A terminal and npm both pass on one Ctrl-C.
  if (stoppedBy !== undefined && now - stoppedAt < REPEATED_SIGNAL_MS) return;
  const again = stoppedBy !== undefined;
  stoppedBy = signal;
  stoppedAt = now;
  if (current === undefined) process.exit(128 + osConstants.signals[signal]);
  const child = current;
  endGroup(child, again ? 'SIGKILL' : signal);
  setTimeout(() => endGroup(child, 'SIGKILL'), STOP_MS).unref();
}

/** Stops here when a signal has arrived meanwhile. */
function leaveIfStopped() {
  if (stoppedBy !== undefined) process.exit(128 + osConstants.signals[stoppedBy]);
}

function lockDigest() {
  return createHash('sha256').update(readFileSync(LOCK)).digest('hex');
}

/** Whether node_modules is what package-lock.json says. */
function isInstalled() {
  if (existsSync(STAMP)) return readFileSync(STAMP, 'utf8') === lockDigest();
  // An install by hand has no stamp; npm's own record of it is newer than the lock file then.
  const record = join(ROOT, 'node_modules', '.package-lock.json');
  return existsSync(record) && statSync(record).mtimeMs >= statSync(LOCK).mtimeMs;
}

async function installPackages() {
  if (isInstalled()) return;
  say('installing packages as package-lock.json says (npm ci), about 20 s');
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const code =
    npm === undefined
      ? await run('npm', args, { quiet: 'npm ci' })
      : await run(process.execPath, [npm, ...args], { quiet: 'npm ci' });
  leaveIfStopped();
  if (code !== 0) giveUp(`npm ci failed with exit code ${code}; its output is above`);
  writeFileSync(STAMP, lockDigest());
  say('packages are installed');
}

/** The pinned Node, or where it has no binary for this platform the present one when it is new enough. */
function nodeProgram() {
  const pinned = join(BIN, 'node');
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= PINNED_MAJOR) return process.execPath;
  return giveUp(`no pinned Node for ${process.platform}-${process.arch}; install Node ${PINNED_MAJOR} and try again`);
}

/** What the tests run besides Node: any one of `programs`, from which Debian package, and what is not tested without it. */
const TEST_PROGRAMS = [
  { programs: ['redis-server', 'valkey-server'], debian: 'redis-server', suites: 'that talk to a real Redis' },
  { programs: ['chromium'], debian: 'chromium', suites: 'that run the verifier in a browser' },
  { programs: ['swtpm'], debian: 'swtpm', suites: 'that talk to a TPM' },
  { programs: ['swtpm_setup'], debian: 'swtpm-tools', suites: 'that talk to a TPM' },
  { programs: ['tpm2_quote'], debian: 'tpm2-tools', suites: 'that talk to a TPM' },
];

function missingPrograms() {
  return TEST_PROGRAMS.filter(({ programs }) => programs.every((name) => findProgram(name) === undefined));
}

/** How to run something as root without being asked, or undefined. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = findProgram('sudo');
  if (sudo === undefined || spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status !== 0) return undefined;
  return [sudo, '-n'];
}

/** Makes sure that the tests find the programs that they run, or says loudly which they will not. */
async function provideTestPrograms() {
  const wanted = missingPrograms();
  if (wanted.length === 0) return;
  const apt = findProgram('apt-get');
  const prefix = apt === undefined ? undefined : rootPrefix();
  if (apt !== undefined && prefix !== undefined) {
    await install(wanted, [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', apt]);
  }
  if (wanted.some(({ debian }) => debian === 'redis-server')) await stopRedisService(prefix);
  const missing = missingPrograms();
  if (missing.length === 0) return;
  const line = '='.repeat(78);
  process.stderr.write(`${line}\nSome programs that the tests run are not here and could not be installed.\n`);
  for (const { debian, suites } of missing) {
    process.stderr.write(`SKIPPED without ${debian}: the suites ${suites}. Install ${debian} to run them.\n`);
  }
  process.stderr.write(`${line}\n`);
  if (process.env.CI === 'true') giveUp('in CI no suite may be skipped, so the tests are not run');
}

/** Asks for all packages at once; one by one where that fails, so that one that is nowhere to be had costs no other. */
async function install(wanted, [program, ...first]) {
  const names = wanted.map(({ debian }) => debian);
  say(`installing with apt-get what the tests run and is not here: ${names.join(', ')}`);
  const aptGet = async (...args) => {
    const code = await run(program, [...first, ...args], { quiet: `apt-get ${args[0]}` });
    leaveIfStopped();
    if (code !== 0) say(`apt-get ${args[0]} failed with exit code ${code}`);
    return code === 0;
  };
  await aptGet('update');
  const options = ['install', '-y', '--no-install-recommends'];
  if (await aptGet(...options, ...names)) return;
  for (const name of names.length > 1 ? names : []) await aptGet(...options, name);
}

/** The package starts a server of its own; the tests start theirs. */
async function stopRedisService(prefix) {
  if (prefix === undefined || !existsSync('/run/systemd/system') || findProgram('redis-server') === undefined) return;
  say('stopping the system service that came with redis-server: the tests start servers of their own');
  const [systemctl, ...rest] = [...prefix, 'systemctl', 'disable', '--now', 'redis-server'];
  await run(systemctl, rest, { quiet: 'systemctl' });
}

async function main() {
  const [command, ...args] = process.argv.slice(2);
  const script = Object.hasOwn(SCRIPTS, command ?? '') ? SCRIPTS[command] : undefined;
  if (script === undefined) giveUp('usage: node scripts/setup.mjs start|test [arguments]', 2);
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    giveUp(`this is Node ${process.versions.node}; Node ${NODE_MAJOR_MIN} or newer is needed`);
  }
  await installPackages();
  if (command === 'test') await provideTestPrograms();
  leaveIfStopped();
  const env = { ...process.env, ...MALLOC, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` };
  process.exitCode = await run(nodeProgram(), [join(ROOT, script), ...args], { env });
}

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
await main();
