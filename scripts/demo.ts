import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeStandardisation, STANDARDISATION_BYTES_MAX } from '#client/participant/standardisation-file.ts';
import type { ParticipantEvent } from '#client/sdk/index.ts';
import { loadTensorBackend } from '#client/trainer/tensor-backend.ts';
import { DEFAULT_PLATFORM, deviceMaker, EMULATED_PLATFORMS } from '#infra/emulator/devices/table.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import { floatsOf } from '#shared/model/parameters.ts';
import { parseLine, type RunningAggregator, startEnclave, startHost } from './demo/aggregator.ts';
import { scoreLocalOnly, scoreOf, scorePooled } from './demo/baselines.ts';
import { Children, succeeded } from './demo/children.ts';
import {
  type DemoReport,
  type HospitalReport,
  reportJson,
  reportText,
  type VerificationReport,
  verdictOf,
} from './demo/report.ts';
import { type DemoSplit, readSource, type SplitFiles, splitForDemo, writeSplit } from './demo/split.ts';
import { breastCancerStudy, FEATURE_COUNT, learningStudy, type StudyParts, standardiseStudy } from './demo/study.ts';
import { type HostLine, Timings } from './demo/timings.ts';
import { type DemoKeys, Workspace } from './demo/workspace.ts';

const ROOT = join(import.meta.dirname, '..');
const CLI = 'client/cli/main.ts';

const USAGE = `cloister demo: a whole federated study on this machine

Four hospitals, each a process with data of its own, train one model through an attested enclave; then the model is
compared with what each hospital reaches alone and with all data pooled, and every release is verified from files.

  --out FOLDER      where the results go (default: .cloister/demo/TIME)
  --platform NAME   the device to play below the enclave (default ${DEFAULT_PLATFORM}):
                    ${EMULATED_PLATFORMS.slice(0, 4).join(', ')},
                    ${EMULATED_PLATFORMS.slice(4).join(', ')}
  --help            this text

Ends with 0 when the federated model beat the mean of the hospitals alone, came within two points of the pooled
model, and every release verified; with 2 for a wrong option; with 1 otherwise.
`;

/** What a run of the demo holds on to. */
interface Demo {
  readonly workspace: Workspace;
  readonly children: Children;
  /** The device to play. */
  readonly platform: string;
  readonly timings: Timings;
  readonly split: DemoSplit;
  readonly files: SplitFiles;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** How the hospitals take part in one study. */
interface Stage {
  readonly study: string;
  readonly rounds: number;
  readonly hospitalArgs: (id: string, dataPath: string) => readonly string[];
}

async function runStage(demo: Demo, aggregator: RunningAggregator, stage: Stage): Promise<void> {
  const { workspace, children, timings, files } = demo;
  const { study } = stage;
  const hospitals = files.hospitals.map(({ id, path }) =>
    children.start({
      name: `hospital ${id}`,
      args: [
        CLI,
        'participant',
        '--json',
        '--host',
        aggregator.url,
        '--policy',
        workspace.policyFile,
        '--study',
        workspace.manifestFile(study),
        '--key',
        workspace.keyFile(id),
        '--data',
        path,
        '--store',
        workspace.path('hospitals', id, study),
        ...stage.hospitalArgs(id, path),
      ],
      line(line) {
        const event = parseLine(line) as unknown as ParticipantEvent;
        timings.hospital(study, event);
        if (event.kind === 'held' && id === files.hospitals[0]?.id && event.round > 0) showRound(stage, event);
      },
    }),
  );
  const launch = children.run({
    name: 'coordinator',
    args: [
      CLI,
      'study',
      'launch',
      '--host',
      aggregator.url,
      '--key',
      workspace.keyFile('coordinator'),
      '--policy',
      workspace.policyFile,
      '--wait-seconds',
      '300',
      workspace.manifestFile(study),
    ],
  });
  await Promise.all([launch, ...hospitals.map((hospital) => succeeded(hospital))]);
}

function showRound({ study, rounds }: Stage, event: Extract<ParticipantEvent, { kind: 'held' }>): void {
  const loss = event.metrics['loss'];
  const metrics = loss === undefined ? '' : `, training loss ${loss.toFixed(3)}`;
  const every = rounds > 6 ? 4 : 1;
  if (event.round % every === 0)
    say(`  ${study}: round ${event.round} of ${rounds}, ${event.contributions} hospitals${metrics}`);
}

async function verifyReleases(demo: Demo, study: string, digest: string): Promise<readonly VerificationReport[]> {
  const { workspace, children } = demo;
  const lines = await children.run({
    name: 'verifier',
    args: [
      CLI,
      'release',
      'verify',
      '--json',
      '--study',
      workspace.manifestFile(study),
      '--policy',
      workspace.policyFile,
      workspace.path('host', 'studies', digest, 'releases'),
    ],
  });
  const result: unknown = JSON.parse(lines.join('\n'));
  const releases = typeof result === 'object' && result !== null && 'releases' in result ? result.releases : undefined;
  if (!Array.isArray(releases)) throw new Fault('RELEASE_INVALID', 'the verifier gave no list of releases');
  return releases.map((each: Readonly<Record<string, unknown>>) => ({
    study,
    round: Number(each['round']),
    release: String(each['release']),
    outcome:
      each['payload'] === 'verified'
        ? { kind: 'verified' }
        : { kind: 'failed', reason: `payload ${String(each['payload'])}` },
  }));
}

async function scores(demo: Demo): Promise<Pick<DemoReport, 'hospitals' | 'federated' | 'pooled' | 'testRows'>> {
  const { workspace, split, files } = demo;
  const backend = await loadTensorBackend();
  const options = { backend, study: learningStudy(), test: split.test };
  const first = files.hospitals[0]?.id ?? '';
  const moments = await readFile(workspace.path('results', `standardise-${first}.json`));
  assert(moments.length <= STANDARDISATION_BYTES_MAX, 'a standardisation is a small file');
  const weights = floatsOf(await readFile(workspace.path('results', `model-${first}.f32`)));
  assert(weights !== undefined, 'weights are whole floats');
  const federated = await scoreOf(options, weights, decodeStandardisation(moments, FEATURE_COUNT));
  const alone = await scoreLocalOnly(options, split.hospitals);
  const hospitals = split.hospitals.map(({ name, dataset }, index): HospitalReport => {
    const localOnly = alone[index];
    assert(localOnly !== undefined, 'every hospital has a score of its own');
    const malignant = dataset.labels.reduce((sum, label) => sum + label, 0);
    return { name, rows: dataset.rows, malignantShare: malignant / dataset.rows, localOnly };
  });
  return { hospitals, federated, pooled: await scorePooled(options, split.hospitals), testRows: split.test.rows };
}

async function prepare(workspace: Workspace, children: Children, platform: string): Promise<Demo> {
  await workspace.prepare();
  const split = splitForDemo(await readSource());
  const files = await writeSplit(split, workspace.path('data'));
  return { workspace, children, platform, timings: new Timings(), split, files };
}

async function run(demo: Demo): Promise<DemoReport> {
  const { workspace, files } = demo;
  const keys: DemoKeys = await workspace.makeKeys(files.hospitals);
  say('Starting the enclave. EMULATED: this run needs no TEE, so nothing protects it from this machine.');
  const { backend, ...enclave } = await startEnclave(demo, demo.platform);
  await workspace.writePolicy(enclave);
  const studies: readonly StudyParts[] = [standardiseStudy(), breastCancerStudy()];
  const digests: string[] = [];
  for (const parts of studies) digests.push(await workspace.writeStudy(parts, keys, enclave));
  const aggregator = await startHost(demo, enclave, (line) => demo.timings.host(parseLine(line) as HostLine));
  say(
    `Enclave measured (${enclave.platform}, SHA-384 ${enclave.pcr0.slice(0, 16)}…), tensors on ${backend}; host at ${aggregator.url}; queue: ${aggregator.queue}`,
  );
  if (aggregator.queue === 'memory') {
    say(
      'No redis-server or valkey-server was found: jobs live in memory, and those under way are lost if the host stops.',
    );
  }
  await mkdir(workspace.path('hospitals'), { recursive: true });
  say('Study 1 of 2: the hospitals standardise their features together, each keeping its own rows.');
  await runStage(demo, aggregator, {
    study: 'standardise',
    rounds: 1,
    hospitalArgs: (id) => ['--trainer', 'moments', '--out', workspace.path('results', `standardise-${id}.json`)],
  });
  const rounds = studies[1]?.rounds.count ?? 0;
  say(`Study 2 of 2: ${files.hospitals.length} hospitals train one model for ${rounds} rounds.`);
  await runStage(demo, aggregator, {
    study: 'breast-cancer',
    rounds,
    hospitalArgs: (id) => [
      '--trainer',
      'layers',
      '--standardise',
      workspace.path('results', `standardise-${id}.json`),
      '--out',
      workspace.path('results', `model-${id}.f32`),
    ],
  });
  say('Verifying every release from the saved files alone.');
  const verifications: VerificationReport[] = [];
  for (const [index, parts] of studies.entries()) {
    verifications.push(...(await verifyReleases(demo, parts.study, digests[index] ?? '')));
  }
  say('Training the baselines: each hospital alone, and all data pooled.');
  const platform = { name: enclave.platform, emulated: true };
  return { platform, tensorBackend: backend, ...(await scores(demo)), rounds: demo.timings.reports(), verifications };
}

async function main(signal: AbortSignal): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { out: text, platform: text, help: { type: 'boolean' } } });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { platform = DEFAULT_PLATFORM } = values;
  // A name that is none is refused before anything is made.
  deviceMaker(platform);
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const workspace = new Workspace(values.out ?? join(ROOT, '.cloister', 'demo', stamp));
  const children = new Children(workspace.path('logs'));
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Fault('CONNECTION_LOST', 'interrupted')));
  });
  try {
    const report = await Promise.race([prepare(workspace, children, platform).then(run), interrupted]);
    await writeFile(workspace.path('report.json'), reportJson(report));
    await writeFile(workspace.path('report.txt'), reportText(report));
    say(`\n${reportText(report)}`);
    say(
      `Results: ${relative(process.cwd(), workspace.folder) || '.'} (report.txt, report.json, host/studies: releases, results: models)`,
    );
    const { beatsLocal, nearPooled, allVerified } = verdictOf(report);
    return beatsLocal && nearPooled && allVerified ? 0 : 1;
  } finally {
    await children.stopAll();
    await workspace.tidy();
  }
}

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupt.abort());
process.exitCode = await main(interrupt.signal).catch((cause: unknown) => {
  if (interrupt.signal.aborted) {
    process.stderr.write('cloister demo: interrupted; everything that it started has ended\n');
    return 130;
  }
  process.stderr.write(`cloister demo: ${cause instanceof Error ? cause.message : 'failed'}\n`);
  const isUsage =
    cause instanceof Error && 'code' in cause && /^ERR_PARSE_ARGS|^CONFIG_INVALID$/.test(String(cause.code));
  return isUsage ? 2 : 1;
});
