import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { stringify } from 'yaml';
import { writeKeys } from '#client/cli/key-store.ts';
import { type EmulatedEnclave, launchEmulated } from '#infra/emulator/launch.ts';
import { buildEnclaveBundle, DEFAULT_BUNDLE } from '../../bundle.ts';
import { type Line, Measured, peakMib } from './processes.ts';
import { makeScene, type SceneSize } from './scene.ts';

/** What one round took. */
export interface RoundTimes {
  /** From the trainers' end to the last participant that holds the release, opened. */
  readonly roundMs: number;
  /** From the first connection to the last participant attested and joined; 0 for the baseline, which has neither. */
  readonly handshakesMs: number;
  /** Peak resident memory of the server process (the enclave, or the baseline's server), MiB. */
  readonly peakMib: number;
}

/** Participants share so many processes: one a core, so that none waits for another's cryptography alone. */
const PARTICIPANT_PROCESSES = 2;

/** One whole round through the real enclave, relay, queue and host, with the real participant SDK. */
export async function sealedRound(size: SceneSize): Promise<RoundTimes> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'));
  const running: { stop(): Promise<void> }[] = [];
  try {
    const enclave = await startEnclave(folder);
    running.push(enclave.process);
    const url = await startHost(folder, size, enclave, running);
    const people = startParticipants(size, (ids) => ['scripts/bench/round/participants.ts', [url, folder, ...ids]]);
    running.push(...people);
    await launch(folder, url);
    await allSay(people, size, isWaiting);
    const times = await timeRound(people, size);
    return { ...times, handshakesMs: handshakes(people), peakMib: await peakMib(enclave.process.pid) };
  } finally {
    for (const started of running.toReversed()) await started.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Times of attested handshakes and of plain WebSocket openings, through the same relay to the same enclave. */
export interface HandshakeTimes {
  readonly attestedMs: number;
  readonly plainMs: number;
  readonly count: number;
}

/** `participants` make `each` handshakes one after the other, side by side with the others. */
export async function handshakeTimes(participants: number, each: number): Promise<HandshakeTimes> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'));
  const running: { stop(): Promise<void> }[] = [];
  try {
    const enclave = await startEnclave(folder);
    running.push(enclave.process);
    const url = await startHost(folder, { participants, parameters: 1000 }, enclave, running);
    const ids = Array.from({ length: participants }, (_, index) => `site-${index}`);
    const people = Measured.start('scripts/bench/round/handshakes.ts', [url, folder, String(each), ...ids]);
    running.push(people);
    const found = await people.until((lines) => lines.find(({ attestedMs }) => attestedMs !== undefined));
    return {
      attestedMs: Number(found['attestedMs']),
      plainMs: Number(found['plainMs']),
      count: Number(found['count']),
    };
  } finally {
    for (const started of running.toReversed()) await started.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same bytes sent, relayed, folded and returned by the benchmark's own program, without cryptography. */
export async function clearRound(size: SceneSize): Promise<RoundTimes> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'));
  const files = [join(folder, 'clear.sock'), join(folder, 'model.f32')];
  const counts = [String(size.parameters), String(size.participants)];
  const server = Measured.start('scripts/bench/round/clear-server.ts', [...files, ...counts]);
  const running = [server];
  try {
    await server.until((lines) => lines.find(({ ready }) => ready === true));
    const host = Measured.start('scripts/bench/round/clear-host.ts', files);
    running.push(host);
    const port = await host.until((lines) => lines.find((line) => line['port'] !== undefined)?.['port']);
    const people = startParticipants(size, (ids) => [
      'scripts/bench/round/clear-participants.ts',
      [String(port), String(size.parameters), ...ids],
    ]);
    running.push(...people);
    await allSay(people, size, isWaiting);
    const times = await timeRound(people, size);
    return { ...times, handshakesMs: 0, peakMib: await peakMib(server.process.pid ?? 0) };
  } finally {
    for (const each of running.toReversed()) await each.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function startEnclave(folder: string): Promise<EmulatedEnclave> {
  const bundle = await buildEnclaveBundle(DEFAULT_BUNDLE);
  const stdout = new PassThrough();
  const enclave = await launchEmulated({
    bundlePath: bundle.path,
    folder: join(folder, 'emulator'),
    args: ({ flags }) => [
      '--listen',
      join(folder, 'enclave.sock'),
      '--boundary',
      join(folder, 'boundary.sock'),
      ...flags,
      ...(process.env['XARGS'] ?? '').split(' ').filter(Boolean),
    ],
    stdio: { stdout, stderr: process.stderr },
  });
  await once(stdout, 'data');
  return enclave;
}

async function startHost(
  folder: string,
  size: SceneSize,
  enclave: EmulatedEnclave,
  running: { stop(): Promise<void> }[],
): Promise<string> {
  const scene = makeScene(size, enclave);
  await writeFile(join(folder, 'study.dsse.json'), scene.envelope);
  const policy = {
    enclaves: [{ name: 'bench', platform: 'aws-nitro', measurements: { PCR0: enclave.pcr0 } }],
    roots: [{ name: 'EMULATED', platform: 'aws-nitro', sha256: enclave.rootSha256, emulated: true }],
  };
  await writeFile(join(folder, 'policy.yaml'), stringify(policy));
  await writeKeys(join(folder, 'coordinator.key'), scene.coordinator);
  for (const { id, keys } of scene.participants) await writeKeys(join(folder, `${id}.key`), keys);
  const host = Measured.start('aggregator/host/main.ts', [
    '--listen',
    '127.0.0.1:0',
    '--data',
    join(folder, 'host'),
    '--study',
    join(folder, 'study.dsse.json'),
    '--enclave-socket',
    join(folder, 'enclave.sock'),
    '--boundary-socket',
    join(folder, 'boundary.sock'),
  ]);
  running.push(host);
  const port = await host.until((lines) => lines.find(({ event }) => event === 'ready')?.['port']);
  return `http://127.0.0.1:${String(port)}`;
}

async function launch(folder: string, url: string): Promise<void> {
  const coordinator = Measured.start('client/cli/main.ts', [
    'study',
    'launch',
    '--quiet',
    '--host',
    url,
    '--key',
    join(folder, 'coordinator.key'),
    '--wait-seconds',
    '0',
    '--policy',
    join(folder, 'policy.yaml'),
    join(folder, 'study.dsse.json'),
  ]);
  await once(coordinator.process, 'close');
}

function startParticipants(
  { participants }: SceneSize,
  command: (ids: readonly string[]) => readonly [script: string, args: readonly string[]],
): readonly Measured[] {
  const ids = Array.from({ length: participants }, (_, index) => `site-${index}`);
  return Array.from({ length: Math.min(PARTICIPANT_PROCESSES, participants) }, (_, process) => {
    const own = ids.filter((_id, index) => index % PARTICIPANT_PROCESSES === process);
    return Measured.start(...command(own));
  });
}

const isWaiting = ({ kind }: Line): boolean => kind === 'waiting';
const holdsRelease = ({ kind, round }: Line): boolean => kind === 'held' && round === 1;

async function allSay(
  people: readonly Measured[],
  { participants }: SceneSize,
  is: (line: Line) => boolean,
): Promise<void> {
  const share = (index: number): number => Math.ceil((participants - index) / PARTICIPANT_PROCESSES);
  await Promise.all(
    people.map((each, index) => each.until((lines) => (lines.filter(is).length >= share(index) ? true : undefined))),
  );
}

async function timeRound(people: readonly Measured[], size: SceneSize): Promise<{ readonly roundMs: number }> {
  const startedAtMs = performance.timeOrigin + performance.now();
  for (const each of people) each.say('go');
  await allSay(people, size, holdsRelease);
  const ends = people.flatMap(({ lines }) => lines.filter(holdsRelease).map(({ atMs }) => Number(atMs)));
  return { roundMs: Math.max(...ends) - startedAtMs };
}

function handshakes(people: readonly Measured[]): number {
  const times = (kind: string): readonly number[] =>
    people.flatMap(({ lines }) => lines.filter((line) => line['kind'] === kind).map(({ atMs }) => Number(atMs)));
  return Math.max(...times('joined')) - Math.min(...times('connecting'));
}
