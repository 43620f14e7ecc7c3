import type { Platform } from './evidence.ts';

/**
 * What evidence says about its attester, decoded. Within a `verified` result every field is proved by the root's
 * chain of signatures; within a `refused` one they serve explanation only.
 */
export interface Claims {
  readonly platform: Platform;
  /** Lower-case hex by the platform's own names: `PCR0` to `PCR31` on AWS Nitro. */
  readonly measurements: Readonly<Record<string, string>>;
  /** Whether the operator can read the attester's memory. A claim: policy decides. */
  readonly debug: boolean;
  /** What the attester bound into the evidence (`user_data` on AWS Nitro); empty when it bound nothing. */
  readonly reportData: Uint8Array;
  /** The platform's own nonce field; empty when unused. */
  readonly nonce: Uint8Array;
  /** When the platform says that it made the evidence, ms since 1970. */
  readonly issuedAtMs: number;
  /** The span in which every certificate of the chain is valid, first and last second, ms since 1970. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly root: ClaimedRoot;
  /** Further facts for people and logs, by name. No decision rests on them. */
  readonly details: Readonly<Record<string, string>>;
}

/** The trusted root that the chain ends in. */
export interface ClaimedRoot {
  readonly name: string;
  readonly sha256: string;
  readonly emulated: boolean;
}
