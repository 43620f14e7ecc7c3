import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { vectorPlatform } from './adapters.ts';
import { isListed } from './disagreements.ts';
import type { Expected, ExpectedVerdict, PolicyCase, Recipe } from './expected.ts';
import { sampleFields } from './fields.ts';
import { type JudgedUnder, type Judgement, judge } from './judge.ts';
import { applyRecipe, type ReadFile } from './recipes.ts';
import { commonTrust, statedTrust, underStatedRoot } from './trust.ts';
import type { VectorConditions, VectorFiles } from './vector-platform.ts';

/** A sample of the collection: its folder's files, and what is expected of it. */
export interface Sample {
  /** `<platform>/<sample>`. */
  readonly id: string;
  readonly expected: Expected;
  readonly files: VectorFiles;
}

/** One verdict found, next to the one expected. `problem` is undefined when they agree. */
export interface Outcome {
  readonly platform: string;
  /** The sample's or recipe's id, and which of its verdicts. */
  readonly id: string;
  readonly kind: 'verdict' | 'policy case' | 'mutation' | 'fields';
  readonly at: string;
  readonly expected: string;
  readonly found: string;
  readonly problem: string | undefined;
}

/** For verdicts that do not depend on time, where a sample has no date of its own. */
const ANY_TIME = '2025-06-01T00:00:00Z';

/** The time, in ms since 1970, at which a verdict is judged. */
export function verdictTimeMs(verdict: Pick<ExpectedVerdict, 'at'>): number {
  return Date.parse(verdict.at === 'any' ? ANY_TIME : verdict.at);
}

/** Judges a sample's files under the conditions of one of its verdicts. */
export function judgeFiles(
  id: string,
  files: VectorFiles,
  conditions: VectorConditions,
  under: JudgedUnder,
): Promise<Judgement> {
  const request = { files, conditions, crypto: under.crypto };
  return judge(underStatedRoot(adapterOf(id).caseOf(request), request), under);
}

/** Every field, verdict and policy case of a sample. */
export async function runSample(sample: Sample, crypto: CryptoPort): Promise<readonly Outcome[]> {
  const { expected } = sample;
  const outcomes: Outcome[] = [await runFields(sample, crypto)];
  for (const verdict of expected.verdicts) outcomes.push(await runVerdict(sample, verdict, crypto, 'refuse'));
  for (const verdict of expected.verdicts_if_debug_allowed ?? []) {
    outcomes.push(await runVerdict(sample, verdict, crypto, 'allow'));
  }
  for (const each of expected.policy_cases ?? []) outcomes.push(await runPolicyCase(sample, each, crypto));
  return outcomes;
}

async function runFields({ id, expected, files }: Sample, crypto: CryptoPort): Promise<Outcome> {
  const found = await sampleFields(platformOf(id), files, crypto);
  const differing = (
    (expected.fields ?? undefined) === undefined ? [] : differences(expected.fields, found, '')
  ).filter((difference) => !isListed(id, difference));
  return {
    platform: platformOf(id),
    id,
    kind: 'fields',
    at: '-',
    expected: 'equal',
    found: differing.length === 0 ? 'equal' : `${differing.length} differ`,
    problem: differing.length === 0 ? undefined : `fields: ${differing.slice(0, 3).join('; ')}`,
  };
}

async function runVerdict(
  { id, files }: Sample,
  verdict: ExpectedVerdict,
  crypto: CryptoPort,
  debug: 'refuse' | 'allow',
): Promise<Outcome> {
  const judgement = await judgeFiles(id, files, verdict, { atMs: verdictTimeMs(verdict), crypto, debug });
  const name = debug === 'allow' ? `${id}, debug allowed` : id;
  return outcome({ id: name, kind: 'verdict', at: verdict.at }, verdict, judgement);
}

async function runPolicyCase(
  { id, files, expected }: Sample,
  tested: PolicyCase,
  crypto: CryptoPort,
): Promise<Outcome> {
  const [verdict] = expected.verdicts;
  if (verdict === undefined) throw new Fault('CONFIG_INVALID', `${id}: policy cases without a verdict`);
  const under = { atMs: verdictTimeMs(verdict), crypto, stated: statedBy(tested) };
  return outcome({ id, kind: 'policy case', at: verdict.at }, tested, await judgeFiles(id, files, verdict, under));
}

function statedBy({
  min_reported_tcb,
  expected_vmpl,
  expected_host_data,
}: PolicyCase): NonNullable<JudgedUnder['stated']> {
  const minimums = Object.entries(min_reported_tcb ?? {}).map(
    ([name, least]) => [`reported_tcb.${name}`, least] as const,
  );
  return {
    minimums: Object.fromEntries(minimums),
    attributes: {
      ...(expected_vmpl === undefined ? {} : { vmpl: expected_vmpl }),
      ...(expected_host_data === undefined ? {} : { host_data: expected_host_data }),
    },
  };
}

/** A mutation recipe on its base sample. A positive recipe must leave the verdict as it was. */
export async function runRecipe(recipe: Recipe, base: Sample, read: ReadFile, crypto: CryptoPort): Promise<Outcome> {
  const files = applyRecipe(recipe, base.files, read);
  const conditions = conditionsOf(recipe, base.expected);
  const judgement = await judgeFiles(base.id, files, conditions, { atMs: Date.parse(recipe.at), crypto });
  const reasons = recipe.expect === 'reject' ? recipe.reasons_any_of : recipe.base_reasons;
  const result = reasons.length === 0 ? 'accept' : 'reject';
  return outcome({ id: recipe.id, kind: 'mutation', at: recipe.at }, { result, reasons }, judgement, base.id);
}

/** A recipe that names no CRL asks for none; one that names no root has that of its base. */
function conditionsOf(recipe: Recipe, { verdicts }: Expected): VectorConditions {
  const { collateral, crl } = recipe;
  return {
    ...commonTrust(verdicts),
    ...statedTrust(recipe),
    ...(collateral === undefined ? {} : { collateral }),
    crl: crl ?? null,
  };
}

function outcome(
  about: Pick<Outcome, 'id' | 'kind' | 'at'>,
  expected: { readonly result: string; readonly reasons: readonly string[] },
  { verdict, reasons }: Judgement,
  sample = about.id,
): Outcome {
  const codes = [...new Set(reasons.map(({ code }) => code))];
  const named = codes.some((code) => expected.reasons.includes(code));
  const agrees = verdict === expected.result && (verdict === 'accept' || named);
  return {
    ...about,
    platform: platformOf(sample),
    expected: [expected.result, ...expected.reasons].join(' '),
    found: [verdict, ...codes].join(' '),
    problem: agrees ? undefined : reasons.map(({ code, detail }) => `${code}: ${detail}`).join('; ') || 'accepted',
  };
}

/** Paths at which `found` is not what `wanted` says. What only `found` has does not count. */
export function differences(wanted: unknown, found: unknown, path: string): readonly string[] {
  if (Array.isArray(wanted) && Array.isArray(found) && wanted.length !== found.length) {
    return [`${path} has ${found.length} entries, expected ${wanted.length}`];
  }
  if (isObject(wanted) && isObject(found)) {
    return Object.entries(wanted).flatMap(([key, value]) => differences(value, found[key], `${path}/${key}`));
  }
  return Object.is(wanted, found) ? [] : [`${path} is ${short(found)}, expected ${short(wanted)}`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function short(value: unknown): string {
  const SHOWN = 48;
  return (JSON.stringify(value) ?? 'absent').slice(0, SHOWN);
}

function platformOf(id: string): string {
  return id.split('/')[0] ?? id;
}

function adapterOf(id: string) {
  return vectorPlatform(platformOf(id));
}
