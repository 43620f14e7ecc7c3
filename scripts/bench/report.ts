import { cpus, totalmem } from 'node:os';
import { type Bench, type Figure, reaches, type Skipped } from './bench.ts';

/** A line of the JSON report. */
export interface ReportedFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline: number;
  readonly ratio: number;
}

/** What the figures were measured on, in one line. */
export function machineLine(): string {
  const cores = cpus();
  const model = cores[0]?.model.trim() ?? 'unknown processor';
  const memory = `${(totalmem() / 2 ** 30).toFixed(1)} GiB`;
  return `${model}, ${cores.length} cores, ${memory}, ${process.platform}-${process.arch}, Node ${process.versions.node}`;
}

/** The row of one bench and, below it, its notes. */
export function rowOf(bench: Bench, outcome: Figure | Skipped): string {
  const name = bench.name.padEnd(24);
  if (outcome.kind === 'skipped') return `${name} SKIPPED: ${outcome.reason}`;
  const { value, baseline, unit, ratio, notes } = outcome;
  const cells = [
    rounded(value),
    rounded(baseline),
    unit.padEnd(6),
    ratio.toFixed(2).padStart(7),
    verdictOf(bench, ratio),
  ];
  return [`${name} ${cells.join('  ')}`, ...notes.map((note) => `    ${note}`)].join('\n');
}

/** The head of the table that {@link rowOf} fills. */
export const TABLE_HEAD = `${'bench'.padEnd(24)} ${'value'.padStart(10)}  ${'baseline'.padStart(10)}  unit      ratio  aim`;

/** The figures as the JSON report lists them; a skipped bench has none. */
export function reported(bench: Bench, outcome: Figure | Skipped): readonly ReportedFigure[] {
  if (outcome.kind === 'skipped') return [];
  const { value, unit, baseline, ratio } = outcome;
  return [{ name: bench.name, value, unit, baseline, ratio }];
}

function verdictOf({ aim }: Bench, ratio: number): string {
  if (aim === undefined) return 'none';
  return `${aim.direction} ${aim.ratio}: ${reaches(aim, ratio) ? 'reached' : 'MISSED'}`;
}

function rounded(value: number): string {
  return value.toFixed(value < 100 ? 2 : 0).padStart(10);
}
