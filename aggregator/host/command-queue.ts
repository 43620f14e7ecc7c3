import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type IQueueBackend, type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { fromBase64, toBase64 } from '#shared/bytes/base64.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { CommandEnd, CommandRequest } from './command-desk.ts';
import { commandNameOf, sha256 } from './envelope.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import type { QueueTransport } from './queue-link.ts';

/** Name of the queue that carries coordinators' signed commands to the enclave. */
export const COMMAND_QUEUE = 'cloister-command';

const KEPT_JOBS = 1000;
/** A host that ends leaves its jobs active; each new host finds them stalled once. */
const STALLED_MAX = 100;

/** A command job: the signed command itself, which is small. */
const CommandJobSchema = Type.Object(
  { envelope: Type.String({ maxLength: Math.ceil(HOST_LIMITS.commandBytesMax / 3) * 4 }) },
  { additionalProperties: false },
);

const ProgressSchema = Type.Object(
  { round: Type.Integer({ minimum: 0 }), rounds: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
);

const ResultSchema = Type.Object(
  {
    kind: Type.Literal('done'),
    phase: Type.Union([Type.Literal('finished'), Type.Literal('stopped'), Type.Literal('paused'), Type.Null()]),
  },
  { additionalProperties: false },
);

/** What `GET /v1/commands/{id}` answers. */
export interface CommandState {
  readonly state: 'waiting' | 'active' | 'completed' | 'failed';
  readonly progress: Static<typeof ProgressSchema> | null;
  readonly result:
    | { readonly accepted: true; readonly phase: string | null }
    | { readonly accepted: false; readonly code: string; readonly detail: string }
    | null;
}

/** Job id of a signed command: the same command, posted twice, is one job. */
export function commandIdOf(envelope: Uint8Array): string {
  return `command-${toHex(sha256(envelope))}`;
}

/** What the queue needs besides the transport. */
export interface CommandQueueParts {
  readonly run: (request: CommandRequest) => Promise<CommandEnd>;
  readonly log: Log;
}

type CommandBull = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>;

/** BullMQ's queue and worker for commands. Nothing in it is trusted: the enclave verifies each command. */
export class CommandQueue {
  readonly #queue: CommandBull;
  readonly #worker: Worker<unknown, CommandEnd, string, IQueueBackend>;

  constructor(transport: QueueTransport, { run, log }: CommandQueueParts) {
    const work = (job: Job<unknown, CommandEnd, string>) => workOn(job, { run, log });
    const limits = { concurrency: HOST_LIMITS.commandsActiveMax, maxStalledCount: STALLED_MAX };
    if (transport.kind === 'redis') {
      this.#queue = new Queue(COMMAND_QUEUE, { connection: transport.connect() });
      this.#worker = new Worker(COMMAND_QUEUE, work, { connection: transport.connect(), ...limits });
    } else {
      this.#queue = new Queue(COMMAND_QUEUE, { connection: {} }, transport.backends);
      this.#worker = new Worker(COMMAND_QUEUE, work, { connection: {}, ...limits }, transport.backends);
    }
    this.#queue.on('error', (error) => log.warn({ event: 'queue-error', queue: COMMAND_QUEUE, error: error.message }));
    this.#worker.on('error', (error) =>
      log.warn({ event: 'worker-error', queue: COMMAND_QUEUE, error: error.message }),
    );
    this.#worker.on('failed', (job, error) => {
      log.warn({ event: 'command-refused', command: job?.id, reason: error.message }, 'a command was refused');
    });
  }

  /** Queues a signed command; resolves to its id, or `undefined` when too many wait already. */
  async add(envelope: Uint8Array): Promise<string | undefined> {
    if ((await this.#queue.getWaitingCount()) >= HOST_LIMITS.commandsWaitingMax) return undefined;
    const id = commandIdOf(envelope);
    await this.#queue.add(
      'command',
      { envelope: toBase64(envelope) },
      {
        jobId: id,
        attempts: 1,
        removeOnComplete: { count: KEPT_JOBS },
        removeOnFail: { count: KEPT_JOBS },
      },
    );
    return id;
  }

  /** State of a command, or `undefined` when its id is unknown. */
  async state(id: string): Promise<CommandState | undefined> {
    // The state first: what the job holds is then at least as new as its state.
    const state = plainState(await this.#queue.getJobState(id));
    const job = await this.#queue.getJob(id);
    if (job === undefined) return undefined;
    const progress: unknown = job.progress;
    const ended = state === 'completed' || state === 'failed';
    return {
      state,
      progress: Value.Check(ProgressSchema, progress) ? progress : null,
      result: ended ? resultOf(job.returnvalue, job.failedReason) : null,
    };
  }

  /** Stops taking commands and closes; a run that goes on stays an active job, for the next host to take up. */
  async close(): Promise<void> {
    await this.#worker.close(true);
    await this.#queue.close();
  }
}

async function workOn(job: Job<unknown, CommandEnd, string>, { run, log }: CommandQueueParts): Promise<CommandEnd> {
  const envelope = Value.Check(CommandJobSchema, job.data) ? fromBase64(job.data.envelope) : undefined;
  if (envelope === undefined || envelope.length === 0 || envelope.length > HOST_LIMITS.commandBytesMax) {
    throw new UnrecoverableError('COMMAND_MALFORMED: the job does not hold a signed command');
  }
  if (job.id !== commandIdOf(envelope)) {
    throw new UnrecoverableError('COMMAND_MALFORMED: the job holds another command than its id names');
  }
  const end = await run({
    id: job.id,
    envelope,
    runs: commandNameOf(envelope) === 'start',
    progress: (round, rounds) => {
      // Progress is for watching only; a report that the queue lost is made good by the next one.
      job.updateProgress({ round, rounds }).catch((error: Error) => {
        log.debug({ event: 'progress-lost', command: job.id, error: error.message });
      });
    },
  });
  if (end.kind === 'refused') throw new UnrecoverableError(`${end.code}: ${end.detail}`);
  return end;
}

function plainState(state: string): CommandState['state'] {
  switch (state) {
    case 'active':
    case 'completed':
    case 'failed':
      return state;
    default:
      return 'waiting';
  }
}

function resultOf(returned: unknown, failedReason: string | undefined): CommandState['result'] {
  if (Value.Check(ResultSchema, returned)) return { accepted: true, phase: returned.phase };
  if (failedReason === undefined || failedReason === '') return null;
  const [, code, detail] = /^([A-Z][A-Z_]{0,63}): (.{0,1024})$/s.exec(failedReason) ?? [];
  return { accepted: false, code: code ?? 'COMMAND_MALFORMED', detail: detail ?? 'the queue failed the job' };
}
