import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { Fault } from '#shared/fault/fault.ts';
import { HOST_LIMITS } from './limits.ts';

/** A Redis or Valkey server of our own. */
export interface RedisProcess {
  readonly socketPath: string;
  /** Ends the server and waits until it is gone. */
  stop(): Promise<void>;
}

/** sockaddr_un holds 108 bytes with its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;
const STOP_MS = 5_000;
const RETRY_MS = 10;
/** Part of util-linux. */
const SETPRIV = '/usr/bin/setpriv';

/** Full path of redis-server or valkey-server on `searchPath` (as in PATH), if there is one. */
export function findRedisServer(searchPath: string): string | undefined {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of searchPath.split(delimiter).filter((part) => part !== '')) {
      const program = join(folder, name);
      if (isExecutable(program)) return program;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // accessSync has no non-throwing way to say "no".
    return false;
  }
}

/**
 * Starts `program` with its files in `folder` (made private), on a unix socket only, keeping an append-only file and
 * never evicting. A server that an earlier host left behind on the same socket is shut down first.
 */
export async function startRedis(program: string, folder: string): Promise<RedisProcess> {
  const home = resolve(folder);
  await mkdir(home, { recursive: true, mode: 0o700 });
  await chmod(home, 0o700);
  const { socketPath, discard } = await placeSocket(home);
  if (existsSync(socketPath)) await shutDownLeftover(socketPath);
  // A group of its own, so that Ctrl-C in a terminal reaches the host alone, which still needs its queue to stop well.
  const [command, ...args] = [...dyingWithUs(), program, ...redisArguments(home, socketPath)];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new Fault('QUEUE_UNAVAILABLE', `${program} could not be started`, { cause });
  }
  await answers(child, socketPath).catch(async (cause: unknown) => {
    await endChild(child);
    await discard();
    throw new Fault('QUEUE_UNAVAILABLE', `${program} does not answer; see redis.log in ${home}`, { cause });
  });
  return {
    socketPath,
    stop: async () => {
      await endChild(child);
      await discard();
    },
  };
}

/** How to start a program that the kernel ends when this process is killed, where that can be asked for. */
function dyingWithUs(): [] | [string, ...string[]] {
  return existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'TERM', '--'] : [];
}

/** Resolves when the server answers; rejects when it ends or takes too long. */
async function answers(child: ChildProcess, socketPath: string): Promise<void> {
  const client = new Redis({ path: socketPath, retryStrategy: () => RETRY_MS, maxRetriesPerRequest: null });
  const failed = Promise.withResolvers<never>();
  // Refused until the server listens: the retry strategy is what answers it.
  client.on('error', () => {});
  const onExit = () => failed.reject(new Error(`it ended with exit code ${child.exitCode}`));
  child.once('exit', onExit);
  const timer = setTimeout(() => failed.reject(new Error('no answer')), HOST_LIMITS.queueStartMs);
  try {
    await Promise.race([client.ping(), failed.promise]);
  } finally {
    clearTimeout(timer);
    child.off('exit', onExit);
    client.disconnect();
  }
}

function redisArguments(home: string, socketPath: string): string[] {
  const settings = {
    port: '0',
    unixsocket: socketPath,
    unixsocketperm: '700',
    dir: home,
    appendonly: 'yes',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    logfile: join(home, 'redis.log'),
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function placeSocket(home: string): Promise<{ socketPath: string; discard: () => Promise<void> }> {
  const inside = join(home, 'redis.sock');
  if (Buffer.byteLength(inside) <= SOCKET_PATH_BYTES_MAX) return { socketPath: inside, discard: async () => {} };
  // mkdtemp makes the folder 0700.
  const folder = await mkdtemp(join(tmpdir(), 'cloister-redis-'));
  return { socketPath: join(folder, 'redis.sock'), discard: () => rm(folder, { recursive: true, force: true }) };
}

async function shutDownLeftover(socketPath: string): Promise<void> {
  const client = new Redis({ path: socketPath, retryStrategy: () => null, maxRetriesPerRequest: 0, lazyConnect: true });
  // A refused connection means that nobody is there any more; the connect call below reports it.
  const closed = once(client, 'end');
  client.on('error', () => client.disconnect());
  try {
    await client.connect();
    await client.shutdown();
  } catch {
    // Nobody listens, or the server went away while answering: both are what was wanted.
    client.disconnect();
  }
  await closed;
  await rm(socketPath, { force: true });
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}
