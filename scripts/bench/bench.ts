/** A ratio that we want: throughput ÷ throughput is aimed at least so high, time ÷ time and MiB ÷ MiB at most. */
export interface Aim {
  readonly direction: 'at least' | 'at most';
  readonly ratio: number;
}

/** What a bench found. `value` and `baseline` have the same unit; `notes` are lines for people. */
export interface Figure {
  readonly kind: 'measured';
  readonly value: number;
  readonly baseline: number;
  readonly unit: string;
  /** `value / baseline`. */
  readonly ratio: number;
  readonly notes: readonly string[];
}

/** A bench that cannot run on this machine, and what is missing. */
export interface Skipped {
  readonly kind: 'skipped';
  readonly reason: string;
}

/** One bench. Names that end in `-vs-numpy` or `-vs-aes` give throughput ÷ throughput, others time ÷ time or MiB ÷ MiB. */
export interface Bench {
  readonly name: string;
  /** One line: what is measured, against what. */
  readonly about: string;
  readonly aim: Aim | undefined;
  run(): Promise<Figure | Skipped>;
}

/** A figure with its ratio. */
export function figure(found: Omit<Figure, 'kind' | 'ratio'>): Figure {
  return { ...found, kind: 'measured', ratio: found.value / found.baseline };
}

/** Whether `ratio` is where `aim` wants it. */
export function reaches(aim: Aim, ratio: number): boolean {
  return aim.direction === 'at least' ? ratio >= aim.ratio : ratio <= aim.ratio;
}
