/** Time as the enclave sees it. The host can stop it or set the wall clock wrong, so no secret depends on it. */
export interface Clock {
  /** Milliseconds from an arbitrary start, never going back. Deadlines use this one. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. Expiry of commands and certificates uses this one. */
  wallMs(): number;
  /** Calls `action` once after `delayMs`; the result cancels it. */
  after(delayMs: number, action: () => void): () => void;
}
