import type { Platform } from './platforms.ts';

/**
 * What an attester hands over (RFC 9334): the signed document, and the endorsements that its verification needs.
 * Where a platform's evidence has several parts (a TPM quote and its event log), `document` is a CBOR map of them, see
 * the platform's folder. Nothing in it is trusted yet.
 */
export interface Evidence {
  readonly platform: Platform;
  readonly document: Uint8Array;
  readonly endorsements: readonly Endorsement[];
}

/**
 * Kinds of endorsement:
 * `certificate` one DER certificate, `crl` one DER certificate revocation list, `snp-certificate-table` the GUID-indexed
 * table that a host gives an SEV-SNP guest, `intel-collateral` the JSON object of TCB info, QE identity, CRLs and issuer
 * chains that Intel's caching service gives, `jwk-set` the keys of a token issuer (RFC 7517).
 */
export const ENDORSEMENT_KINDS = [
  'certificate',
  'crl',
  'snp-certificate-table',
  'intel-collateral',
  'jwk-set',
] as const;

/** A name of {@link ENDORSEMENT_KINDS}. */
export type EndorsementKind = (typeof ENDORSEMENT_KINDS)[number];

/** Something that a vendor signed, needed to verify evidence and no part of it. Untrusted until verified. */
export interface Endorsement {
  readonly kind: EndorsementKind;
  readonly bytes: Uint8Array;
}

/** Bounds for codecs that carry evidence, in bytes; verifiers have tighter ones of their own. */
export const EVIDENCE_LIMITS = { documentBytes: 64 * 1024, endorsements: 12, endorsementBytes: 48 * 1024 } as const;

/** Whether `text` names a kind of endorsement. */
export function isEndorsementKind(text: string): text is EndorsementKind {
  return ENDORSEMENT_KINDS.some((kind) => kind === text);
}
