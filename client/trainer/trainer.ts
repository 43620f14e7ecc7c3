/** What a trainer gets for one round. */
export interface TrainingInput {
  /** Weights of the base release: flat float32 in layout order. Not written to and not kept. */
  readonly global: Float32Array;
  /** Number of the round, from 1. */
  readonly round: number;
  /** Aborted when the round no longer needs this update; `train` then rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/** What a trainer hands back. */
export interface TrainingResult {
  /** The change of each weight since the base release, same length and order as `global`, all finite. Owned by the caller. */
  readonly delta: Float32Array;
  /** How many examples the change was learnt from. */
  readonly examples: number;
  /** Values by name; only names that the manifest lists. */
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * One participant's local work: the port behind which its data stays. One call at a time.
 * A failure is a `Fault` with code `TRAINER_FAILED`; the participant then declines the round.
 */
export interface Trainer {
  /** One round of local work. */
  train(input: TrainingInput): Promise<TrainingResult>;
  /** Frees what the trainer holds. No call may follow. */
  dispose(): void;
}
