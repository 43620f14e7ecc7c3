import type { Platform } from './platforms.ts';

/**
 * What evidence says about its attester, decoded. Within a `verified` result every field is proved by the root's
 * chain of signatures; within a `refused` one they serve explanation only.
 */
export interface Claims {
  readonly platform: Platform;
  /** Lower-case hex by the platform's own names: `PCR0` on AWS Nitro, `MRTD` on Intel TDX. */
  readonly measurements: Readonly<Record<string, string>>;
  /** Whether the operator can read the attester's memory. A claim: policy decides. */
  readonly debug: boolean;
  /** Other facts that a policy may demand, by the names of the platform's vocabulary. */
  readonly attributes: Readonly<Record<string, boolean | number | string>>;
  /** Version numbers that a policy may set a minimum for, by the names of the platform's vocabulary. */
  readonly levels: Readonly<Record<string, number>>;
  /** The vendor's own verdict on the platform's trusted computing base; `undefined` where the vendor gives none. */
  readonly tcb: TcbVerdict | undefined;
  /** What could not be checked, or only against endorsements that are out of date. Policy decides. */
  readonly concerns: readonly Concern[];
  /** What the attester bound into the evidence: 64 or 32 bytes, see `reportDataBytes`; empty when it bound nothing. */
  readonly reportData: Uint8Array;
  /** The platform's own nonce field; empty when unused. */
  readonly nonce: Uint8Array;
  /** When the platform says that it made the evidence, ms since 1970; `undefined` where evidence carries no time. */
  readonly issuedAtMs: number | undefined;
  /**
   * The span in which everything that was used is valid (certificates, CRLs, collateral, token), first and last
   * second, ms since 1970.
   */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly root: ClaimedRoot;
  /** The checks that were made, in words, in their order. */
  readonly checks: readonly string[];
  /** Further facts for people and logs, by name. No decision rests on them. */
  readonly details: Readonly<Record<string, string>>;
}

/** The trusted root that the chain ends in, or the pinned key. `platform` is the one whose root it is. */
export interface ClaimedRoot {
  readonly name: string;
  readonly platform: Platform;
  readonly sha256: string;
  readonly emulated: boolean;
}

/**
 * Status of a trusted computing base in Intel's words (DCAP, "TCB status"); other vendors' verdicts are mapped to them.
 * `NotSupported`: below every level that the vendor lists.
 */
export const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
  'NotSupported',
] as const;

/** A name of {@link TCB_STATUSES}. */
export type TcbStatus = (typeof TCB_STATUSES)[number];

/** A vendor's verdict, and the security advisories that it rests on. */
export interface TcbVerdict {
  readonly status: TcbStatus;
  /** Identifiers such as `INTEL-SA-00837`, sorted, each once. */
  readonly advisories: readonly string[];
}

/** What only a policy can accept. A missing or stale endorsement refuses evidence unless every policy lets it pass. */
export interface Concern {
  readonly code: 'CRL_MISSING' | 'CRL_EXPIRED' | 'COLLATERAL_MISSING' | 'COLLATERAL_EXPIRED';
  readonly detail: string;
  readonly found?: string;
  readonly wanted?: string;
  /** For `CRL_EXPIRED` and `COLLATERAL_EXPIRED`: the last second of its validity, ms since 1970. */
  readonly endedMs?: number;
}
