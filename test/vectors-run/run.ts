import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { applyRecipe } from './recipes.ts';
import { type ExpectedVerdict, readRecipes, readSample, readSamples, type Sample } from './samples.ts';

/** A verdict found, next to the one expected. `problems` is empty when they agree. */
export interface Outcome {
  readonly id: string;
  readonly at: string;
  readonly expected: readonly string[];
  readonly found: readonly string[];
  readonly problems: readonly string[];
}

/** Reason codes of evidence under the collection's default policy: no debug; any code, any age. */
export interface Judgement {
  readonly reasons: readonly string[];
  readonly claims: Claims | undefined;
}

const TEN_YEARS_S = 3650 * 86_400;
/** For samples without a date of their own whose verdict does not depend on time. */
const ANY_TIME = '2021-09-09T10:19:20Z';

/** Judges one Nitro document at `atMs`. */
export async function judge(
  document: Uint8Array,
  atMs: number,
  crypto: CryptoPort,
  debug: 'refuse' | 'allow' = 'refuse',
): Promise<Judgement> {
  const evidence = { platform: 'aws-nitro', document, endorsements: [] } as const;
  const verification = await verifyEvidence(evidence, { anchors: VENDOR_ANCHORS, atMs, crypto });
  const { claims } = verification;
  const failed = verification.kind === 'refused' ? verification.reasons : [];
  const appraised = claims === undefined ? [] : appraise(claims, [policyFor(claims, debug)], atMs);
  return { reasons: [...new Set([...failed, ...appraised].map(({ code }) => code))], claims };
}

/** The collection says nothing of whose code is wanted: the sample's own measurements are. */
function policyFor(claims: Claims, debug: 'refuse' | 'allow'): AppraisalPolicy {
  const enclave = { name: 'the sample', platform: claims.platform, measurements: claims.measurements };
  return { enclaves: [enclave], debug, maximumAgeSeconds: TEN_YEARS_S };
}

/** Runs every verdict of every sample of `platform`, and every mutation recipe on them. */
export async function runVectors(
  folder: string,
  platform: 'aws-nitro',
  crypto: CryptoPort,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const sample of readSamples(folder, platform)) outcomes.push(...(await runSample(sample, crypto)));
  for (const recipe of readRecipes(folder, platform)) {
    const base = readSample(folder, recipe.base);
    const { reasons } = await judge(applyRecipe(folder, recipe, base.document), Date.parse(recipe.at), crypto);
    const named = reasons.some((code) => recipe.reasons_any_of.includes(code));
    const agrees = recipe.expect === 'reject' ? named : sameSet(reasons, recipe.base_reasons);
    const problems = agrees ? [] : [`${recipe.expect} expected: ${recipe.why}`];
    outcomes.push({ id: recipe.id, at: recipe.at, expected: recipe.reasons_any_of, found: reasons, problems });
  }
  return outcomes;
}

/** Runs the verdicts of one sample, those for debug allowed among them. */
export async function runSample(sample: Sample, crypto: CryptoPort): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const verdict of sample.verdicts) outcomes.push(await runVerdict(sample, verdict, crypto, 'refuse'));
  for (const verdict of sample.verdictsIfDebugAllowed)
    outcomes.push(await runVerdict(sample, verdict, crypto, 'allow'));
  return outcomes;
}

async function runVerdict(
  sample: Sample,
  verdict: ExpectedVerdict,
  crypto: CryptoPort,
  debug: 'refuse' | 'allow',
): Promise<Outcome> {
  const atMs = Date.parse(verdict.at === 'any' ? ANY_TIME : verdict.at);
  const { reasons } = await judge(sample.document, atMs, crypto, debug);
  return {
    id: debug === 'allow' ? `${sample.id} with debug allowed` : sample.id,
    at: verdict.at,
    expected: verdict.reasons,
    found: reasons,
    problems: problemsOf(verdict, reasons),
  };
}

function problemsOf(verdict: ExpectedVerdict, reasons: readonly string[]): readonly string[] {
  if ((verdict.result === 'accept') !== (reasons.length === 0)) return [`${verdict.result} expected`];
  // The collection has no opinion on clocks that run apart; a parser that stops at once cannot name all.
  const judged = reasons.filter((code) => code !== 'EVIDENCE_FROM_FUTURE');
  const foreign = judged.filter((code) => !verdict.reasons.includes(code));
  const missing = verdict.reasons.filter((code) => !judged.includes(code));
  const stoppedEarly = judged.includes('MALFORMED');
  return [
    ...foreign.map((code) => `${code} not expected`),
    ...(stoppedEarly ? [] : missing.map((code) => `${code} not found`)),
  ];
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((code) => other.includes(code));
}
