import type { Redis } from 'ioredis';
import { HOST_LIMITS } from './limits.ts';

/**
 * Sealed bytes beside the jobs: a job names its payload by id, the pieces lie here, at most 1 MiB each. Whoever runs
 * the queue can read and change them, so a reader checks the digest of the whole.
 */
export interface PayloadStore {
  /** Keeps piece `index` of payload `id`; `id` is lower-case hex. */
  put(id: string, index: number, bytes: Uint8Array): Promise<void>;
  /** Piece `index`, or `undefined` when it is gone. */
  get(id: string, index: number): Promise<Uint8Array | undefined>;
  /** Keeps the text that goes with the payload (its signed statement). */
  putStatement(id: string, text: string): Promise<void>;
  getStatement(id: string): Promise<string | undefined>;
  /** Forgets pieces 0 … count-1 and the statement. */
  remove(id: string, count: number): Promise<void>;
}

/** Key of piece `index`. The braces keep all pieces of a payload in one slot of a cluster. */
export function pieceKey(id: string, index: number): string {
  return `cloister:{${id}}:payload:${index}`;
}

function statementKey(id: string): string {
  return `cloister:{${id}}:statement`;
}

/** Payloads in Redis; each key expires by itself should nobody come for it. */
export class RedisPayloadStore implements PayloadStore {
  readonly #redis: Redis;
  readonly #ttlSeconds: number;

  constructor(redis: Redis, ttlSeconds: number = HOST_LIMITS.payloadTtlSeconds) {
    this.#redis = redis;
    this.#ttlSeconds = ttlSeconds;
  }

  async put(id: string, index: number, bytes: Uint8Array): Promise<void> {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await this.#redis.set(pieceKey(id, index), view, 'EX', this.#ttlSeconds);
  }

  async get(id: string, index: number): Promise<Uint8Array | undefined> {
    return (await this.#redis.getBuffer(pieceKey(id, index))) ?? undefined;
  }

  async putStatement(id: string, text: string): Promise<void> {
    await this.#redis.set(statementKey(id), text, 'EX', this.#ttlSeconds);
  }

  async getStatement(id: string): Promise<string | undefined> {
    return (await this.#redis.get(statementKey(id))) ?? undefined;
  }

  async remove(id: string, count: number): Promise<void> {
    await this.#redis.unlink(statementKey(id));
    for (let index = 0; index < count; index++) await this.#redis.unlink(pieceKey(id, index));
  }
}

/** Payloads in memory, for a host without Redis. */
export class MemoryPayloadStore implements PayloadStore {
  readonly #pieces = new Map<string, Uint8Array>();
  readonly #statements = new Map<string, string>();

  async put(id: string, index: number, bytes: Uint8Array): Promise<void> {
    this.#pieces.set(pieceKey(id, index), bytes.slice());
  }

  async get(id: string, index: number): Promise<Uint8Array | undefined> {
    return this.#pieces.get(pieceKey(id, index));
  }

  async putStatement(id: string, text: string): Promise<void> {
    this.#statements.set(id, text);
  }

  async getStatement(id: string): Promise<string | undefined> {
    return this.#statements.get(id);
  }

  async remove(id: string, count: number): Promise<void> {
    this.#statements.delete(id);
    for (let index = 0; index < count; index++) this.#pieces.delete(pieceKey(id, index));
  }
}
