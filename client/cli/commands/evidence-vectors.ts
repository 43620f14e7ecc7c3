import { setImmediate } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Collection, collectionOf, runCollection } from '#client/vectors/collection.ts';
import { DISAGREEMENTS, type Disagreement } from '#client/vectors/disagreements.ts';
import type { Outcome } from '#client/vectors/run.ts';
import { Fault } from '#shared/fault/fault.ts';
import { EXIT } from '../exit-code.ts';
import { type CliContext, type CliRuntime, textFlag } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';
import { readVectorFiles } from '../vector-files.ts';

const HELP = `
FOLDER holds <platform>/<sample>/ with the files of each sample and an expected.json, and mutations.json with recipes.
Every sample is parsed, verified at every stated time and under every stated policy; every recipe is applied to its
sample and verified. Exit code 0 when all agree but those that are listed with their reason, else 1.`;

/** `cloister evidence vectors` */
export function mountVectors(evidence: Command, runtime: CliRuntime): void {
  evidence
    .command('vectors')
    .description('run a collection of attestation test vectors through the verifiers and compare the verdicts')
    .argument('<folder>', 'the collection')
    .option('--platform <name>', 'only this folder of the collection')
    .addHelpText('after', HELP)
    .action(runtime.action(vectors));
}

async function vectors(context: CliContext): Promise<void> {
  const { args, crypto, flags, output } = context;
  const folder = args[0] ?? '';
  const platform = textFlag(flags, 'platform');
  const collection = collectionOf(await readVectorFiles(folder), platform);
  if (collection.samples.length === 0) {
    const which = platform === undefined ? '' : ` of ${platform.slice(0, 40)}`;
    throw new Fault('CONFIG_INVALID', `${folder} holds no samples${which}, expected <platform>/<sample>/expected.json`);
  }
  const progress = progressOf(context, collection);
  const outcomes: Outcome[] = [];
  for await (const outcome of runCollection(collection, crypto)) {
    outcomes.push(outcome);
    progress.next(outcome);
    // Verifiers give way to nothing else by themselves, and a Ctrl-C is an event.
    await setImmediate();
    context.signal.throwIfAborted();
  }
  progress.end();
  const report = reportOf(collection, outcomes);
  output.show({ json: report, text: () => reportLines(report, context) });
  if (!report.ok) context.exitWith(EXIT.failed);
}

/** How many of a platform's outcomes agree with what is expected, by kind, and how many there are. */
type Row = Readonly<Record<Outcome['kind'] | 'samples' | 'agree' | 'disagree', number>> & { readonly platform: string };

interface Report {
  readonly ok: boolean;
  readonly platforms: readonly Row[];
  readonly disagreements: readonly Outcome[];
  /** Where we hold the collection to be wrong: counted as agreeing. */
  readonly listed: readonly Disagreement[];
  readonly unread: readonly string[];
}

function reportOf({ samples, unread }: Collection, outcomes: readonly Outcome[]): Report {
  const disagreements = outcomes.filter(({ problem }) => problem !== undefined);
  const names = [...new Set(outcomes.map(({ platform }) => platform))];
  return {
    ok: disagreements.length === 0 && unread.length === 0,
    platforms: names.map((name) =>
      rowOf(
        name,
        samples.filter(({ id }) => id.startsWith(`${name}/`)).length,
        outcomes.filter(({ platform }) => platform === name),
      ),
    ),
    disagreements,
    listed: DISAGREEMENTS.filter(({ id }) => samples.some((sample) => sample.id === id)),
    unread,
  };
}

function rowOf(platform: string, samples: number, outcomes: readonly Outcome[]): Row {
  const count = (wanted: Outcome['kind']): number => outcomes.filter(({ kind }) => kind === wanted).length;
  const disagree = outcomes.filter(({ problem }) => problem !== undefined).length;
  return {
    platform,
    samples,
    verdict: count('verdict'),
    'policy case': count('policy case'),
    mutation: count('mutation'),
    fields: count('fields'),
    agree: outcomes.length - disagree,
    disagree,
  };
}

const COLUMNS = ['samples', 'verdict', 'policy case', 'mutation', 'fields', 'agree', 'disagree'] as const;
const HEADING = ['platform', 'samples', 'verdicts', 'policy cases', 'mutations', 'fields', 'agree', 'disagree'];

function reportLines(report: Report, { output }: CliContext): readonly string[] {
  const { platforms, disagreements, listed, unread } = report;
  const rows = platforms.map((row) => [row.platform, ...COLUMNS.map((column) => `${row[column]}`)]);
  const total = COLUMNS.map((column) => `${platforms.reduce((sum, row) => sum + row[column], 0)}`);
  return [
    ...output.table(HEADING, [...rows, ['all', ...total]]),
    ...disagreements.flatMap(({ id, kind, at, expected, found, problem }) => [
      `DISAGREES: ${id} (${kind}, at ${at})`,
      `  expected ${expected}`,
      `  found    ${found}`,
      `  ${problem}`,
    ]),
    ...listed.map(({ id, path, because }) => `listed: ${id} ${path}: ${because}`),
    ...unread.map((folder) => `NOT READ: ${folder} is no platform that is known here`),
    report.ok ? 'All agree.' : `${disagreements.length} of ${sumOf(platforms)} disagree.`,
  ];
}

function sumOf(platforms: readonly Row[]): number {
  return platforms.reduce((sum, { agree, disagree }) => sum + agree + disagree, 0);
}

/** A line that says how far it is, written over and over on a terminal; nothing elsewhere. */
function progressOf({ stderr, settings }: CliContext, { samples, recipes }: Collection) {
  const silent = stderr.isTTY !== true || settings.get(SETTINGS.quiet) === true;
  const all = samples.length + recipes.length;
  const begun = new Set<string>();
  return {
    next({ id, kind, platform }: Outcome): void {
      begun.add(kind === 'policy case' ? id : id.replace(/, debug allowed$/, ''));
      if (!silent) stderr.write(`\r\u001b[K${begun.size} of ${all}: ${platform}`);
    },
    end(): void {
      if (!silent) stderr.write('\r\u001b[K');
    },
  };
}
