import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { AcceptedEnclave, AppraisalPolicy } from '#shared/attestation/policy.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import type { ExpectedVerdict } from './expected.ts';

/** The files of one sample by name, those of the collection's other folders not among them. */
export type VectorFiles = ReadonlyMap<string, Uint8Array>;

/** Under which conditions a sample is judged: the fields of a verdict or recipe that name files and roots. */
export type VectorConditions = Pick<ExpectedVerdict, 'collateral' | 'crl' | 'trust_anchor' | 'trust'>;

/** What a platform's adapter is given. */
export interface VectorRequest {
  readonly files: VectorFiles;
  readonly conditions: VectorConditions;
  readonly crypto: CryptoPort;
}

/** A sample put into the form in which our verifier takes evidence. */
export interface VectorCase {
  readonly evidence: Evidence;
  /** Roots and keys that the sample's conditions trust besides the vendors'. */
  readonly anchors: readonly Anchor[];
  /** Vendors' roots that are not trusted under these conditions. */
  readonly untrusted?: readonly string[];
  /** What the default policy of the collection means on this platform, besides the sample's own measurements. */
  readonly reference: (
    claims: Claims,
  ) => Pick<AcceptedEnclave, 'attributes' | 'minimums' | 'tcbStatuses' | 'advisories'>;
  readonly endorsements?: AppraisalPolicy['endorsements'];
}

/** How one folder of the collection is read. */
export interface VectorPlatform {
  /** @throws Fault - CONFIG_INVALID when a file is missing without which there is no evidence */
  caseOf(request: VectorRequest): VectorCase;
  /**
   * Everything that `expected.json` lists under `fields`, under the same names, decoded by our own parsers;
   * `undefined` where the sample cannot be parsed.
   */
  fieldsOf(files: VectorFiles, crypto: CryptoPort): Promise<unknown>;
}
