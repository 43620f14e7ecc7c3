import { EventEmitter } from 'node:events';
import type { BackendFactory, IQueueBackend, JobJson, JobState, JobType } from 'bullmq';

/**
 * BullMQ's storage in memory, for a host without Redis: BullMQ's own Queue and Worker run on it. It implements the
 * operations that jobs with ids, retries, delays and progress need; any other throws "not supported". Jobs do not
 * outlive the process.
 */

/** Finished jobs kept for those who ask for their result. */
const FINISHED_MAX = 1000;

interface Entry {
  readonly json: JobJson;
  state: Extract<JobState, 'waiting' | 'active' | 'delayed' | 'completed' | 'failed'>;
  /** When a delayed job becomes due, ms since the epoch. */
  dueAtMs: number;
}

type NextJob = [JobJson | undefined, string | undefined, number, number];

/** The jobs of one queue name, shared by its Queue and its Worker. */
class MemoryQueue {
  readonly jobs = new Map<string, Entry>();
  readonly #sleepers = new Set<() => void>();
  #nextId = 0;

  add(json: JobJson, wantedId: string | undefined): string {
    const id = wantedId === undefined || wantedId === '' ? `memory-${this.#nextId++}` : wantedId;
    if (this.jobs.has(id)) return id;
    const delayMs = json.delay ?? 0;
    const state = delayMs > 0 ? 'delayed' : 'waiting';
    // A stored job never carries a live object of the caller.
    const stored: JobJson = { ...structuredClone(json), id, attemptsMade: 0, attemptsStarted: 0, stalledCounter: 0 };
    this.jobs.set(id, { json: stored, state, dueAtMs: Date.now() + delayMs });
    this.wake();
    return id;
  }

  take(): NextJob {
    for (const entry of this.jobs.values()) {
      if (entry.state === 'delayed' && entry.dueAtMs <= Date.now()) entry.state = 'waiting';
    }
    for (const [id, entry] of this.jobs) {
      if (entry.state !== 'waiting') continue;
      entry.state = 'active';
      entry.json.attemptsStarted += 1;
      entry.json.processedOn = Date.now();
      return [structuredClone(entry.json), id, 0, 0];
    }
    return [undefined, undefined, 0, this.#nextDue() ?? 0];
  }

  finish(id: string, state: 'completed' | 'failed', fields: Partial<JobJson>): number {
    const entry = this.active(id);
    Object.assign(entry.json, fields, { finishedOn: Date.now(), attemptsMade: entry.json.attemptsMade + 1 });
    entry.state = state;
    this.#forgetOldest();
    return entry.json.finishedOn ?? 0;
  }

  again(id: string, delayMs: number, fields: Partial<JobJson>): void {
    const entry = this.active(id);
    Object.assign(entry.json, fields, { attemptsMade: entry.json.attemptsMade + 1 });
    entry.state = delayMs > 0 ? 'delayed' : 'waiting';
    entry.dueAtMs = Date.now() + delayMs;
    this.wake();
  }

  active(id: string): Entry {
    const entry = this.jobs.get(id);
    if (entry?.state !== 'active') throw new Error(`job ${id} is not active`);
    return entry;
  }

  /** Resolves when a job is added or due, or after `timeoutMs`. */
  async sleep(timeoutMs: number): Promise<void> {
    const due = this.#nextDue();
    const limitMs = due === undefined ? timeoutMs : Math.min(timeoutMs, Math.max(due - Date.now(), 0));
    if ([...this.jobs.values()].some((entry) => entry.state === 'waiting')) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => rise(), limitMs);
      const rise = () => {
        clearTimeout(timer);
        this.#sleepers.delete(rise);
        resolve();
      };
      this.#sleepers.add(rise);
    });
  }

  wake(): void {
    for (const rise of this.#sleepers) rise();
  }

  #nextDue(): number | undefined {
    const due = [...this.jobs.values()].filter((entry) => entry.state === 'delayed').map((entry) => entry.dueAtMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  #forgetOldest(): void {
    const finished = [...this.jobs].filter(([, entry]) => entry.state === 'completed' || entry.state === 'failed');
    for (const [id] of finished.slice(0, Math.max(finished.length - FINISHED_MAX, 0))) this.jobs.delete(id);
  }
}

/** What BullMQ hands over to be changed beside a job's state; values are already text. */
function retryFields(fields: Record<string, unknown> | undefined): Partial<JobJson> {
  const { failedReason, stacktrace } = fields ?? {};
  return {
    ...(typeof failedReason === 'string' ? { failedReason } : {}),
    ...(typeof stacktrace === 'string' ? { stacktrace } : {}),
  };
}

function jobOperations(queue: MemoryQueue) {
  const next = (fetchNext: boolean) => (fetchNext ? queue.take() : undefined);
  return {
    addJob: async (job, jobId) => queue.add(job, jobId),
    addJobs: async (entries) => entries.map(({ job, jobId }) => queue.add(job, jobId)),
    moveToActive: async () => queue.take(),
    // oxlint-disable-next-line max-params -- BullMQ's own signature
    moveToCompleted: async (job, value, _keep, _token, fetchNext) => {
      const finishedOn = queue.finish(job.id ?? '', 'completed', { returnvalue: JSON.stringify(value) });
      return { result: next(fetchNext), finishedOn };
    },
    // oxlint-disable-next-line max-params -- BullMQ's own signature
    moveToFailed: async (job, failedReason, _keep, _token, fetchNext, fields) => {
      const finishedOn = queue.finish(job.id ?? '', 'failed', { ...retryFields(fields), failedReason });
      return { result: next(fetchNext), finishedOn };
    },
    // oxlint-disable-next-line max-params -- BullMQ's own signature
    moveToDelayed: async (jobId, _timestamp, delay, _token, options) => {
      queue.again(jobId, delay, retryFields(options?.fieldsToUpdate));
      return next(options?.fetchNext ?? false);
    },
    retryJob: async (jobId, _lifo, _token, options) => queue.again(jobId, 0, retryFields(options?.fieldsToUpdate)),
    updateProgress: async (jobId, progress) => {
      queue.active(jobId).json.progress = structuredClone(progress);
    },
    getJobData: async (jobId) => {
      const entry = queue.jobs.get(jobId);
      return entry === undefined ? undefined : structuredClone(entry.json);
    },
    getState: async (jobId) => queue.jobs.get(jobId)?.state ?? 'unknown',
    getCounts: async (types: JobType[]) => {
      const states = [...queue.jobs.values()].map((entry) => entry.state);
      return types.map((type) => states.filter((state) => state === (type === 'wait' ? 'waiting' : type)).length);
    },
    remove: async (jobId) => (queue.jobs.get(jobId)?.state !== 'active' && queue.jobs.delete(jobId) ? 1 : 0),
    // Nothing but this process can hold a job, so locks never lapse and no job stalls.
    extendLock: async () => 1,
    extendLocks: async () => [],
    moveStalledJobsToWait: async () => [],
  } satisfies Partial<IQueueBackend>;
}

function lifeOperations(name: string, queue: MemoryQueue) {
  let closing: Promise<void> | undefined;
  return {
    get closing() {
      return closing;
    },
    waitUntilReady: async () => {},
    close: async () => {
      closing = Promise.resolve();
      queue.wake();
    },
    disconnect: async () => {},
    setName: async () => {},
    setQueueMeta: async () => 0,
    minimumBlockTimeout: 0.001,
    qualifiedName: name,
    keys: {},
    toKey: (type: string) => `${name}:${type}`,
    clientName: () => name,
    waitForJob: async (blockTimeoutSeconds: number) => {
      await queue.sleep(blockTimeoutSeconds * 1000);
      return { member: '0', score: 0 };
    },
    disconnectBlocking: async () => queue.wake(),
    reconnectBlocking: async () => {},
  } satisfies Partial<IQueueBackend>;
}

/** A factory of backends to hand to BullMQ's Queue and Worker; those of one name see the same jobs. */
export function createMemoryBackends(): BackendFactory {
  const queues = new Map<string, MemoryQueue>();
  return (name) => {
    const queue = queues.get(name) ?? new MemoryQueue();
    queues.set(name, queue);
    const operations = Object.defineProperties(new EventEmitter(), {
      ...Object.getOwnPropertyDescriptors(lifeOperations(name, queue)),
      ...Object.getOwnPropertyDescriptors(jobOperations(queue)),
    });
    // The interface has some 85 operations; this is the edge where the ones we lack become a clear error.
    return refuseOthers(operations) as unknown as IQueueBackend;
  };
}

function refuseOthers(operations: object): object {
  return new Proxy(operations, {
    get: (target, property, receiver) => {
      if (property in target || typeof property === 'symbol' || property === 'then') {
        return Reflect.get(target, property, receiver);
      }
      return () => {
        throw new Error(`the in-memory queue does not support "${property}"`);
      };
    },
  });
}
