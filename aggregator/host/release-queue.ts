import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type IQueueBackend, Queue, UnrecoverableError, Worker } from 'bullmq';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import type { QueueTransport } from './queue-link.ts';

/** Name of the queue that carries releases from the enclave to the store. */
export const RELEASE_QUEUE = 'cloister-release';

const hex = (digits: number) => Type.String({ pattern: `^[0-9a-f]{${digits}}$` });

/** A publication job: ids and digests only. The payload lies in the payload store under `payloadId`. */
export const ReleaseJobSchema = Type.Object(
  {
    release: hex(64),
    manifestDigest: hex(64),
    round: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
    payloadId: hex(32),
    pieces: Type.Integer({
      minimum: 1,
      maximum: Math.ceil(HOST_LIMITS.releaseBytesMax / HOST_LIMITS.payloadPieceBytes),
    }),
    bytes: Type.Integer({ minimum: 1, maximum: HOST_LIMITS.releaseBytesMax }),
  },
  { additionalProperties: false },
);
/** A job as decoded on arrival. */
export type ReleaseJob = Static<typeof ReleaseJobSchema>;

/** How a job ended that should not be tried again: well, or refused for a reason that no retry mends. */
export type Settled = { readonly kind: 'done' } | { readonly kind: 'refused'; readonly reason: string };

/** What `open` needs besides the transport. */
export interface ReleaseQueueParts {
  /** Stores the release of a job; throws for what a retry may mend. */
  readonly settle: (job: ReleaseJob) => Promise<Settled>;
  readonly log: Log;
  /** First wait before a retry; doubles each time. */
  readonly retryDelayMs?: number;
}

const ATTEMPTS = 8;
const KEPT_JOBS = 1000;

/** BullMQ's queue and worker for releases. The job id is the release digest, so a release is published once. */
export class ReleaseQueue {
  readonly #queue: Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>;
  readonly #worker: Worker<unknown, Settled, string, IQueueBackend>;
  readonly #retryDelayMs: number;

  constructor(transport: QueueTransport, { settle, log, retryDelayMs = 500 }: ReleaseQueueParts) {
    this.#retryDelayMs = retryDelayMs;
    const work = async (job: { readonly id?: string | undefined; readonly data: unknown }): Promise<Settled> => {
      // Whoever runs the queue can put anything into it.
      if (!Value.Check(ReleaseJobSchema, job.data) || job.data.release !== job.id) {
        throw new UnrecoverableError('the job is not a publication of the release that its id names');
      }
      const settled = await settle(job.data);
      if (settled.kind === 'refused') throw new UnrecoverableError(settled.reason);
      return settled;
    };
    if (transport.kind === 'redis') {
      this.#queue = new Queue(RELEASE_QUEUE, { connection: transport.connect() });
      this.#worker = new Worker(RELEASE_QUEUE, work, { connection: transport.connect() });
    } else {
      this.#queue = new Queue(RELEASE_QUEUE, { connection: {} }, transport.backends);
      this.#worker = new Worker(RELEASE_QUEUE, work, { connection: {} }, transport.backends);
    }
    this.#queue.on('error', (error) => log.warn({ event: 'queue-error', queue: RELEASE_QUEUE, error: error.message }));
    this.#worker.on('error', (error) =>
      log.warn({ event: 'worker-error', queue: RELEASE_QUEUE, error: error.message }),
    );
    this.#worker.on('failed', (job, error) => {
      log.error({ event: 'release-job-failed', release: job?.id, attempt: job?.attemptsMade, reason: error.message });
    });
  }

  /**
   * Adds the job, or finds that its release is queued or done already. Resolves to the payload id of the job that
   * counts: when it is not the one given, the caller's payload is not needed.
   */
  async add(job: ReleaseJob): Promise<string> {
    const old = await this.#queue.getJob(job.release);
    // A failed publication (its payload was lost or altered in the queue) may be made good by a new one.
    if (old !== undefined && (await old.isFailed())) await old.remove();
    await this.#queue.add('release', job, {
      jobId: job.release,
      attempts: ATTEMPTS,
      backoff: { type: 'exponential', delay: this.#retryDelayMs },
      removeOnComplete: { count: KEPT_JOBS },
      removeOnFail: { count: KEPT_JOBS },
    });
    const kept: unknown = (await this.#queue.getJob(job.release))?.data;
    return Value.Check(ReleaseJobSchema, kept) ? kept.payloadId : job.payloadId;
  }

  /** State of the job for `release`, with the reason when it failed. */
  async state(release: string): Promise<{ readonly state: string; readonly failedReason: string | undefined }> {
    const job = await this.#queue.getJob(release);
    if (job === undefined) return { state: 'unknown', failedReason: undefined };
    return { state: await job.getState(), failedReason: job.failedReason };
  }

  /** Stops taking jobs, lets the present one end and closes. */
  async close(): Promise<void> {
    await this.#worker.close();
    await this.#queue.close();
  }
}
