import type { BackendFactory } from 'bullmq';
import { Redis } from 'ioredis';
import { Fault } from '#shared/fault/fault.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import { createMemoryBackends } from './memory-backend.ts';
import { MemoryPayloadStore, type PayloadStore, RedisPayloadStore } from './payload-store.ts';
import { findRedisServer, type RedisProcess, startRedis } from './redis-process.ts';

/** Where jobs live. `connect` makes one more connection, which the link closes. */
export type QueueTransport =
  | { readonly kind: 'redis'; readonly connect: () => Redis }
  | { readonly kind: 'memory'; readonly backends: BackendFactory };

/** The queue's server, or the stand-in for one, and the payloads kept beside the jobs. */
export interface QueueLink {
  /** For people and `/healthz`: `redis`, `own redis` or `memory`. */
  readonly label: string;
  readonly transport: QueueTransport;
  readonly payloads: PayloadStore;
  close(): Promise<void>;
}

/** What `openQueue` needs to know. `url` is redis://, rediss:// or an absolute path of a unix socket. */
export interface QueueChoice {
  readonly url: string | undefined;
  /** Private folder of an own server. */
  readonly folder: string;
  /** Search path for redis-server and valkey-server. */
  readonly searchPath: string;
}

/**
 * Opens the queue: the given server, else an own one on a private socket, else memory.
 * Throws `QUEUE_UNAVAILABLE` when the given or own server does not answer in time.
 */
export async function openQueue(choice: QueueChoice, log: Log): Promise<QueueLink> {
  if (choice.url !== undefined) {
    const link = await openRedis(choice.url, { label: 'redis', log });
    for (const problem of await settingProblems(link.client)) log.warn({ event: 'queue-setting', problem }, problem);
    return link;
  }
  const program = findRedisServer(choice.searchPath);
  if (program === undefined) return openMemory(log);
  const server = await startRedis(program, choice.folder);
  try {
    return await openRedis(server.socketPath, { label: 'own redis', log, server });
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function openMemory(log: Log): QueueLink {
  log.warn(
    { event: 'queue-in-memory' },
    'no Redis: neither a queue URL nor redis-server or valkey-server was found, so jobs live in memory; ' +
      'commands and releases still queued are lost when the host stops',
  );
  return {
    label: 'memory',
    transport: { kind: 'memory', backends: createMemoryBackends() },
    payloads: new MemoryPayloadStore(),
    close: async () => {},
  };
}

async function openRedis(
  address: string,
  { label, log, server }: { readonly label: string; readonly log: Log; readonly server?: RedisProcess },
): Promise<QueueLink & { readonly client: Redis }> {
  const connections: Redis[] = [];
  const connect = (): Redis => {
    const connection = redisAt(address, log);
    connections.push(connection);
    return connection;
  };
  const client = connect();
  try {
    await readyWithin(client, HOST_LIMITS.queueStartMs);
  } catch (cause) {
    client.disconnect();
    throw new Fault(
      'QUEUE_UNAVAILABLE',
      `the queue does not answer within ${HOST_LIMITS.queueStartMs} ms; start it or correct its URL`,
      { cause },
    );
  }
  return {
    label,
    transport: { kind: 'redis', connect },
    client,
    payloads: new RedisPayloadStore(client),
    close: async () => {
      for (const connection of connections) connection.disconnect();
      await server?.stop();
    },
  };
}

function redisAt(address: string, log: Log): Redis {
  const options = {
    // BullMQ's workers block, and a queue that is away for a while must cost a delay, not an error.
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => Math.min(HOST_LIMITS.reconnectFirstMs * 2 ** Math.min(times, 10), 2000),
  };
  const redis = address.startsWith('/') ? new Redis({ ...options, path: address }) : new Redis(address, options);
  // Without a listener a refused connection would end the process; the retry strategy is what answers it.
  redis.on('error', (error: Error) => log.debug({ event: 'redis-connection', error: error.message }));
  return redis;
}

async function readyWithin(client: Redis, limitMs: number): Promise<void> {
  const timeout = Promise.withResolvers<never>();
  let lastError: unknown;
  client.on('error', (error: Error) => {
    lastError = error;
  });
  const timer = setTimeout(() => timeout.reject(lastError ?? new Error('no answer')), limitMs);
  try {
    await Promise.race([client.ping(), timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong with the settings of a Redis that was given to us; empty when all is well or it will not tell. */
export async function settingProblems(client: Redis): Promise<readonly string[]> {
  const settings = await readSettings(client);
  if (settings === undefined)
    return ['the queue server does not show its settings (CONFIG is forbidden), so they were not checked'];
  const problems: string[] = [];
  const policy = settings.get('maxmemory-policy');
  if (policy !== 'noeviction') {
    problems.push(`the queue server may drop jobs: maxmemory-policy is "${policy}", set it to "noeviction"`);
  }
  if (settings.get('appendonly') !== 'yes') {
    problems.push('the queue server loses jobs when it restarts: appendonly is not "yes"');
  }
  return problems;
}

async function readSettings(client: Redis): Promise<Map<string, string> | undefined> {
  try {
    const settings = new Map<string, string>();
    for (const name of ['maxmemory-policy', 'appendonly']) {
      const reply: unknown = await client.config('GET', name);
      const value: unknown = Array.isArray(reply) ? reply[1] : undefined;
      if (typeof value === 'string') settings.set(name, value);
    }
    return settings;
  } catch {
    // Hosted servers often forbid CONFIG; the caller says so.
    return undefined;
  }
}
