/** Time and randomness of the emulator, given by its caller so that a test can fix both. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}
