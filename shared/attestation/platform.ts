import type { Anchor } from './anchor.ts';
import type { ReasonCode } from './reasons.ts';
import type { EvidenceVerifier } from './verification.ts';

/**
 * All that Cloister knows of one platform: how its evidence is verified, whom it trusts, and the names that a policy
 * may use for it. A platform's folder exports one such value; `platforms.ts` lists them.
 */
export interface PlatformVerifier {
  /** For people: the vendor's own name. */
  readonly title: string;
  readonly verify: EvidenceVerifier;
  /** The vendor's roots, compiled in. Empty where only a policy can name a key (enrolled TPMs, token issuers). */
  readonly anchors: readonly Anchor[];
  readonly vocabulary: PolicyVocabulary;
  /**
   * Bytes of report data that evidence of this platform can bind: 64, or 32 where the field is shorter and holds the
   * SHA-256 of the 64 bytes. See `boundReportData`.
   */
  readonly reportDataBytes: 32 | 64;
  /**
   * Set where the platform keeps no memory from its operator, in words that end a sentence: evidence then proves what was
   * started, and nothing about who reads along. Whoever sees a result is told.
   */
  readonly unprotected?: string;
}

/** The names that reference values of one platform may use. Everything else in a policy is refused as a mistake. */
export interface PolicyVocabulary {
  /** Measurement name to the length of its value in bytes. */
  readonly measurements: Readonly<Record<string, number>>;
  readonly attributes: Readonly<Record<string, AttributeRule>>;
  /** Whether a policy may demand attributes beyond those listed: claims of a token, named by their path. */
  readonly openAttributes: boolean;
  /** Levels that a policy may set a minimum for. */
  readonly levels: readonly string[];
  /** Alternatives. Reference values must state every name of at least one, or they would single out no code. */
  readonly identifiedBy: readonly (readonly string[])[];
  /** Measurements that are drafted for a policy where one alternative alone would say too little. */
  readonly usual?: readonly string[];
}

/** An attribute that evidence states and a policy may demand. */
export interface AttributeRule {
  readonly type: 'boolean' | 'number' | 'text';
  /** What is demanded when the policy does not say. Left out: nothing is. */
  readonly otherwise?: boolean | number | string;
  /**
   * The default is demanded only of evidence in which another attribute has this value: for platforms on more than one
   * kind of hardware. That attribute must be one that the verifier states of all evidence.
   */
  readonly onlyIf?: { readonly attribute: string; readonly equals: boolean | number | string };
  /** The code of a mismatch; `CLAIM_MISMATCH` when left out. */
  readonly code?: ReasonCode;
}
