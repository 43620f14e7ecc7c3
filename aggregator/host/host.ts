import { join } from 'node:path';
import type { FromHost } from '#boundary/from-host.ts';
import type { ToHost } from '#boundary/to-host.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { unreachable } from '#shared/fault/fault.ts';
import { BoundaryLink, type BoundaryReceiver } from './boundary-link.ts';
import { CommandDesk } from './command-desk.ts';
import { CommandQueue } from './command-queue.ts';
import { EndorsementFolder, type Endorsements, repeatBySystem } from './endorsement-folder.ts';
import { type Counters, newCounters } from './health.ts';
import { listenHttp } from './http.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import type { HostOptions } from './options.ts';
import { openQueue } from './queue-link.ts';
import { Relay } from './relay.ts';
import { ReleaseIntake } from './release-intake.ts';
import { type ReleaseJob, ReleaseQueue } from './release-queue.ts';
import { ReleaseStore } from './release-store.ts';
import { settleRelease } from './release-worker.ts';
import { readOffer, StudyShelf } from './study-shelf.ts';

/** A host that runs. */
export interface RunningHost {
  readonly address: string;
  readonly port: number;
  readonly queueLabel: string;
  /** Reads the folder of endorsements again, where there is one. */
  rereadEndorsements(): Promise<void>;
  /** Stops everything that it started, in the order in which nothing is lost. */
  close(): Promise<void>;
}

/**
 * Starts a host. Throws `CONFIG_INVALID` for a bad file or address and `QUEUE_UNAVAILABLE` when the queue does not
 * answer. The enclave need not be there yet. `searchPath` is the PATH on which an own Redis is looked for.
 */
export async function startHost(options: HostOptions, log: Log, searchPath: string): Promise<RunningHost> {
  const offers = await Promise.all(options.studies.map((file, i) => readOffer(file, options.weights[i])));
  const tellEndorsements = (items: Endorsements) => void send({ name: 'endorsements', body: { items } });
  const endorsements =
    options.endorsements === undefined
      ? undefined
      : await EndorsementFolder.open(options.endorsements, { log, repeat: repeatBySystem, changed: tellEndorsements });
  const releases = await ReleaseStore.open(options.dataFolder, options.keepReleases);
  const shelf = await StudyShelf.open(options.dataFolder, offers, log);
  const redisFolder = join(options.dataFolder, 'redis');
  const queue = await openQueue({ url: options.queueUrl, folder: redisFolder, searchPath }, log);
  const counters = newCounters();

  const releaseQueue = new ReleaseQueue(queue.transport, {
    settle: (job) => settleAndCount(job, () => settleRelease(job, queue.payloads, releases), { counters, log }),
    log,
  });
  const intake = new ReleaseIntake({ payloads: queue.payloads, publish: (job) => releaseQueue.add(job) });
  const send = (message: FromHost): Promise<boolean> => link.send(message);
  const desk = new CommandDesk(send);
  const commands = new CommandQueue(queue.transport, { run: (request) => desk.run(request), log });
  const link = new BoundaryLink(
    options.boundary,
    receiver({ endorsements, shelf, desk, intake, counters, log, send }),
    log,
  );
  const relay = new Relay(options.enclave, counters, { log });
  const enclaveConnected = () => link.connected;
  const shown = { shelf, releases, commands, counters, queueLabel: queue.label, enclaveConnected };
  const close = async () => {
    endorsements?.close();
    await link.close();
    desk.close();
    // A queue that is away would keep its workers waiting for ever; cutting its connections below ends that.
    await atMost(HOST_LIMITS.queueStopMs, Promise.all([commands.close(), releaseQueue.close()]), log);
    await queue.close();
  };
  const http = await listenHttp(options.listen, { shown, relay, log }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  link.start();
  return {
    address: http.address,
    port: http.port,
    queueLabel: queue.label,
    rereadEndorsements: async () => endorsements?.reread(),
    close: async () => {
      await http.close();
      await close();
    },
  };
}

/** Waits for `work`, but not longer than `limitMs`. */
async function atMost(limitMs: number, work: Promise<unknown>, log: Log): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    log.warn({ event: 'queue-stop-slow' }, `the queue did not let go within ${limitMs} ms; its connections are cut`);
    late.resolve();
  }, limitMs);
  const settled = work.catch((error: Error) => log.warn({ event: 'queue-stop-failed', error: error.message }));
  await Promise.race([settled, late.promise]);
  clearTimeout(timer);
}

async function settleAndCount(
  job: ReleaseJob,
  settle: () => ReturnType<typeof settleRelease>,
  { counters, log }: { readonly counters: Counters; readonly log: Log },
): ReturnType<typeof settleRelease> {
  const settled = await settle();
  if (settled.kind === 'done') {
    counters.releasesStored += 1;
    log.info({ event: 'release-stored', release: job.release, round: job.round, bytes: job.bytes });
  } else {
    counters.releasesRefused += 1;
  }
  return settled;
}

interface ReceiverParts {
  readonly endorsements: EndorsementFolder | undefined;
  readonly shelf: StudyShelf;
  readonly desk: CommandDesk;
  readonly intake: ReleaseIntake;
  readonly counters: Counters;
  readonly log: Log;
  readonly send: (message: FromHost) => Promise<boolean>;
}

/** Gives each message of the enclave to the one that it concerns. */
function receiver(parts: ReceiverParts): BoundaryReceiver {
  const { shelf, desk, intake, log } = parts;
  let ready = false;
  return {
    receive: async (message) => {
      if (message.name === 'ready') {
        if (ready) return 'a second "ready" on one connection';
        ready = true;
        begin(parts, message.body);
        return undefined;
      }
      return ready ? dispatch(parts, message) : 'a message before "ready"';
    },
    disconnected: async () => {
      ready = false;
      shelf.disconnected();
      desk.disconnected();
      await intake.abandon();
      log.warn({ event: 'enclave-disconnected' });
    },
  };
}

type Body<N extends ToHost['name']> = Extract<ToHost, { readonly name: N }>['body'];

function begin(parts: ReceiverParts, body: Body<'ready'>): void {
  const { endorsements, shelf, desk, counters, log, send } = parts;
  const { instance, backend, platform } = body;
  counters.boundaryConnections += 1;
  log.info({ event: 'enclave-connected', instance: toHex(instance), backend, platform });
  // Before the studies, so that the first evidence made for one has them.
  if (endorsements !== undefined) void send({ name: 'endorsements', body: { items: endorsements.items } });
  // Commands follow the studies, since they are for studies that the enclave must know.
  void shelf.offer(send).then((complete) => {
    if (complete) desk.connected(instance);
  });
}

async function dispatch(
  { shelf, desk, intake, log, send }: ReceiverParts,
  message: Exclude<ToHost, { readonly name: 'ready' }>,
): Promise<string | undefined> {
  switch (message.name) {
    case 'study-accepted':
    case 'study-refused':
    case 'evidence':
    case 'status':
      await shelf.receive(message);
      return undefined;
    case 'command-result':
    case 'command-progress':
    case 'command-done':
      desk.receive(message);
      return undefined;
    case 'release-begin':
      return intake.begin(message.body);
    case 'release-chunk':
      return intake.piece(message.body);
    case 'release-end':
      return endRelease(message.body, intake, send);
    case 'log':
      log[message.body.level]({ event: message.body.event, zone: 'enclave', fields: message.body.fields });
      return undefined;
    default:
      return unreachable(message);
  }
}

async function endRelease(
  body: Body<'release-end'>,
  intake: ReleaseIntake,
  send: (message: FromHost) => Promise<boolean>,
): Promise<string | undefined> {
  const reason = await intake.end(body);
  if (reason === undefined) await send({ name: 'release-stored', body: { release: body.release } });
  return reason;
}
