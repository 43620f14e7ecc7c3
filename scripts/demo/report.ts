import type { Score } from './baselines.ts';
import { renderTable } from './table.ts';

/** Parts of a round that are measured, in milliseconds; the rest of the round is waiting and the network. */
export interface RoundParts {
  /** The slowest session's evidence, made and verified; 0 in a round that began no session. */
  readonly attestationMs: number;
  /** The slowest participant's local work. */
  readonly trainingMs: number;
  /** The slowest participant's sealing of its update. */
  readonly sealingMs: number;
  /** Opening of all updates in the enclave. */
  readonly openingMs: number;
  /** Folding of all updates in the enclave. */
  readonly foldingMs: number;
}

/** One round of one study. */
export interface RoundReport extends RoundParts {
  readonly study: string;
  readonly round: number;
  /** From the opening of the round to its release. */
  readonly totalMs: number;
  /** Sealed updates received, all participants. */
  readonly updateBytes: number;
  /** The sealed release, once. */
  readonly releaseBytes: number;
}

/** What became of one release when it was verified from the saved files alone. */
export interface VerificationReport {
  readonly study: string;
  readonly round: number;
  /** Release digest, lower-case hex. */
  readonly release: string;
  /** `verified`, or why it is not. */
  readonly outcome: { readonly kind: 'verified' } | { readonly kind: 'failed'; readonly reason: string };
}

/** One hospital, alone. */
export interface HospitalReport {
  readonly name: string;
  readonly rows: number;
  /** 0…1. */
  readonly malignantShare: number;
  readonly localOnly: Score;
}

/** All that the demo found. */
export interface DemoReport {
  /** Who vouches for the enclave; `emulated` says that no hardware did. */
  readonly platform: { readonly name: string; readonly emulated: boolean };
  readonly tensorBackend: string;
  readonly testRows: number;
  readonly hospitals: readonly HospitalReport[];
  readonly federated: Score;
  readonly pooled: Score;
  readonly rounds: readonly RoundReport[];
  readonly verifications: readonly VerificationReport[];
}

/** The two promises of the demo. */
export interface DemoVerdict {
  readonly meanLocalAccuracy: number;
  readonly meanLocalAuc: number;
  /** Accuracy and AUC both above the mean of the hospitals alone. */
  readonly beatsLocal: boolean;
  /** Accuracy and AUC both at most two points below the pooled model. */
  readonly nearPooled: boolean;
  /** At least one release, and all of them verified. */
  readonly allVerified: boolean;
}

/** How far below the pooled model the federated one may stay. */
export const POOLED_MARGIN = 0.02;

const PARTS = [
  'attestationMs',
  'trainingMs',
  'sealingMs',
  'openingMs',
  'foldingMs',
] as const satisfies (keyof RoundParts)[];

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Whether the promises were kept. */
export function verdictOf({ hospitals, federated, pooled, verifications }: DemoReport): DemoVerdict {
  const meanLocalAccuracy = mean(hospitals.map(({ localOnly }) => localOnly.accuracy));
  const meanLocalAuc = mean(hospitals.map(({ localOnly }) => localOnly.auc));
  return {
    meanLocalAccuracy,
    meanLocalAuc,
    beatsLocal: federated.accuracy > meanLocalAccuracy && federated.auc > meanLocalAuc,
    nearPooled: pooled.accuracy - federated.accuracy <= POOLED_MARGIN && pooled.auc - federated.auc <= POOLED_MARGIN,
    allVerified: verifications.length > 0 && verifications.every(({ outcome }) => outcome.kind === 'verified'),
  };
}

/** The report with its verdict, as JSON text with a final newline. */
export function reportJson(report: DemoReport): string {
  return `${JSON.stringify({ ...report, verdict: verdictOf(report) }, null, 2)}\n`;
}

/** The report as plain text of at most 100 columns, with a final newline. */
export function reportText(report: DemoReport): string {
  const sections = [
    platformLine(report),
    scoreSection(report),
    timeSection(report),
    byteSection(report),
    verificationSection(report),
  ];
  return `${sections.join('\n\n')}\n`;
}

function platformLine({ platform, tensorBackend }: DemoReport): string {
  const emulated = platform.emulated
    ? '\nEMULATED: no hardware protects this enclave; this run keeps no secret from its own machine.'
    : '';
  return `Enclave: ${platform.name}. Tensors: ${tensorBackend}.${emulated}`;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

function scoreRow(name: string, score: Pick<Score, 'accuracy' | 'auc'>): string[] {
  return [name, '', '', percent(score.accuracy), percent(score.auc)];
}

function scoreSection(report: DemoReport): string {
  const verdict = verdictOf(report);
  const hospitals = report.hospitals.map(({ name, rows, malignantShare, localOnly }) => [
    `${name}, alone`,
    String(rows),
    percent(malignantShare),
    percent(localOnly.accuracy),
    percent(localOnly.auc),
  ]);
  const table = renderTable(
    ['model', 'rows', 'malignant %', 'accuracy %', 'AUC %'],
    [
      ...hospitals,
      scoreRow('mean of the hospitals alone', { accuracy: verdict.meanLocalAccuracy, auc: verdict.meanLocalAuc }),
      scoreRow('FEDERATED through the enclave', report.federated),
      scoreRow('all data pooled (upper bound)', report.pooled),
    ],
  );
  const beats = verdict.beatsLocal ? 'beats' : 'DOES NOT BEAT';
  const near = verdict.nearPooled ? 'is within' : 'IS NOT WITHIN';
  return `Scores on a common test set of ${report.testRows} rows that nobody trained on\n${table}\nFederated ${beats} the mean of the hospitals alone (accuracy and AUC).\nFederated ${near} ${100 * POOLED_MARGIN} points of pooled (accuracy and AUC).`;
}

function milliseconds(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
}

function studiesOf(rounds: readonly RoundReport[]): readonly string[] {
  return [...new Set(rounds.map(({ study }) => study))];
}

function timeRow(study: string, rounds: readonly RoundReport[]): string[] {
  // Sessions are attested once, before the first round of a study opens: that time comes on top of the rounds'.
  const inRounds = total(rounds.map(({ totalMs }) => totalMs));
  const whole = inRounds + total(rounds.map(({ attestationMs }) => attestationMs));
  const shares = PARTS.map((part) => (whole === 0 ? '-' : percent(total(rounds.map((round) => round[part])) / whole)));
  return [study, String(rounds.length), milliseconds(inRounds / rounds.length), ...shares];
}

function timeSection({ rounds }: DemoReport): string {
  const table = renderTable(
    ['study', 'rounds', 'ms a round', 'attest %', 'train %', 'seal %', 'open %', 'fold %'],
    studiesOf(rounds).map((study) =>
      timeRow(
        study,
        rounds.filter((round) => round.study === study),
      ),
    ),
  );
  return `Time of a round, and what part of all time each step took (the rest: network and waiting)\n${table}`;
}

/** Bytes in the unit that people read: B, KiB or MiB. */
export function readableBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function byteSection({ rounds }: DemoReport): string {
  const rows = studiesOf(rounds).map((study) => {
    const own = rounds.filter((round) => round.study === study);
    const updates = total(own.map(({ updateBytes }) => updateBytes));
    const releases = total(own.map(({ releaseBytes }) => releaseBytes));
    return [study, readableBytes(updates), readableBytes(releases), readableBytes((updates + releases) / own.length)];
  });
  return `Bytes, all sealed\n${renderTable(['study', 'updates', 'releases', 'both, a round'], rows)}`;
}

function verificationSection({ verifications }: DemoReport): string {
  const failed = verifications.flatMap(({ study, round, release, outcome }) =>
    outcome.kind === 'failed' ? [`  FAILED ${study} round ${round} (${release.slice(0, 16)}): ${outcome.reason}`] : [],
  );
  const count = verifications.length - failed.length;
  const line = `Provenance, verified from the saved files alone: ${count} of ${verifications.length} releases.`;
  return [line, ...failed].map((text) => (text.length > 100 ? `${text.slice(0, 99)}…` : text)).join('\n');
}
