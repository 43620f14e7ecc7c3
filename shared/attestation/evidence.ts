/**
 * Platforms whose evidence can be verified. To add one: its name here, a verifier file of its own, and one line in
 * the table of `verify.ts` (the compiler asks for it).
 */
export const PLATFORMS = ['aws-nitro'] as const;

/** A name of {@link PLATFORMS}. */
export type Platform = (typeof PLATFORMS)[number];

/**
 * What an attester hands over (RFC 9334): the signed document, and the vendor's endorsements where the platform keeps
 * them apart (none on AWS Nitro, whose document holds its certificates). Nothing in it is trusted yet.
 */
export interface Evidence {
  readonly platform: Platform;
  readonly document: Uint8Array;
  readonly endorsements: readonly Uint8Array[];
}

/** Bounds for codecs that carry evidence; verifiers have tighter ones of their own. */
export const EVIDENCE_LIMITS = { documentBytes: 64 * 1024, endorsements: 16, endorsementBytes: 64 * 1024 } as const;
