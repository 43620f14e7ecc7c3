/**
 * Verification of release statements from files alone. What has passed is a type, and only that type can be opened.
 */
import { equalBytes, toHex } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { decodeEnvelope, verifyEnvelope } from '../dsse/dsse.ts';
import { PAYLOAD_TYPES } from '../dsse/types.ts';
import { Fault } from '../fault/fault.ts';
import { decodeStatement, type ReleaseEvidence, type ReleaseStatement, STATEMENT_FILE_BYTES_MAX } from './statement.ts';

/**
 * Verifies and appraises the evidence of a statement for exactly its keys and `manifestDigest`, at the document's own
 * time and under the verifier's policy. Throws a `Fault` unless it holds; gives what the evidence proved.
 */
export type AttestRelease<Proof> = (evidence: ReleaseEvidence, manifestDigest: Uint8Array) => Promise<Proof>;

/** Where in the chain of its study a release must stand. */
export type ChainPlace =
  | { readonly kind: 'first' }
  | { readonly kind: 'after'; readonly release: Uint8Array; readonly round: number }
  | { readonly kind: 'anywhere'; readonly because: string };

/** What a statement must fit. */
export interface ReleaseExpectations<Proof> {
  readonly manifestDigest: Uint8Array;
  readonly place: ChainPlace;
  readonly attest: AttestRelease<Proof>;
}

declare const verified: unique symbol;

/** A release whose statement holds; its payload is named by digest. {@link verifyReleaseStatement} is its only producer. */
export interface VerifiedRelease<Proof> {
  readonly [verified]: true;
  readonly statement: ReleaseStatement;
  /** The release digest, 32 bytes. */
  readonly release: Uint8Array;
  /** What the evidence proved. */
  readonly proof: Proof;
}

/**
 * Verifies one statement file: its form, the signature by the key in its evidence, the study, its place in the chain,
 * and the evidence.
 * @throws Fault `RELEASE_INVALID`, `ENCLAVE_SIGNATURE_INVALID`, `RELEASE_UNCHAINED`, and what `attest` throws.
 */
export async function verifyReleaseStatement<Proof>(
  envelopeFile: Uint8Array,
  expected: ReleaseExpectations<Proof>,
  crypto: CryptoPort,
): Promise<VerifiedRelease<Proof>> {
  const envelope = decodeEnvelope(PAYLOAD_TYPES.inToto, envelopeFile, STATEMENT_FILE_BYTES_MAX);
  if (envelope === undefined) throw new Fault('RELEASE_INVALID', 'the statement file is not a canonical DSSE envelope');
  const statement = decodeStatement(envelope.signed.payload);
  if (statement === undefined) throw new Fault('RELEASE_INVALID', 'the statement does not satisfy its schema');
  if (!verifyEnvelope(PAYLOAD_TYPES.inToto, envelope, statement.evidence.signingKey, crypto)) {
    throw new Fault('ENCLAVE_SIGNATURE_INVALID', 'the statement is not signed by the key that its evidence is for');
  }
  if (!equalBytes(statement.manifestDigest, expected.manifestDigest)) {
    const found = toHex(statement.manifestDigest);
    throw new Fault('RELEASE_INVALID', `the release is of study ${found}, expected ${toHex(expected.manifestDigest)}`);
  }
  requirePlace(statement, expected.place);
  const proof = await expected.attest(statement.evidence, statement.manifestDigest);
  const release = crypto.digest('sha256', envelope.signed.payload);
  return { statement, release, proof } as VerifiedRelease<Proof>;
}

/**
 * Verifies statement files that follow one another, the first of them at `expected.place`.
 * @throws Fault as {@link verifyReleaseStatement}.
 */
export async function verifyReleaseChain<Proof>(
  envelopeFiles: readonly Uint8Array[],
  expected: ReleaseExpectations<Proof>,
  crypto: CryptoPort,
): Promise<readonly VerifiedRelease<Proof>[]> {
  const releases: VerifiedRelease<Proof>[] = [];
  let { place } = expected;
  for (const file of envelopeFiles) {
    const next = await verifyReleaseStatement(file, { ...expected, place }, crypto);
    releases.push(next);
    place = { kind: 'after', release: next.release, round: next.statement.round };
  }
  return releases;
}

function requirePlace({ round, previous }: ReleaseStatement, place: ChainPlace): void {
  const isRoot = previous.every((byte) => byte === 0);
  if (isRoot !== (round === 0)) {
    throw new Fault('RELEASE_UNCHAINED', `release ${round} names ${toHex(previous)} as the one before it`);
  }
  switch (place.kind) {
    case 'anywhere':
      return;
    case 'first':
      if (!isRoot) throw new Fault('RELEASE_UNCHAINED', `release ${round} is not the first of its study`);
      return;
    case 'after':
      if (equalBytes(previous, place.release) && round > place.round) return;
      throw new Fault(
        'RELEASE_UNCHAINED',
        `release ${round} follows ${toHex(previous)}; expected one after ${toHex(place.release)} of round ${place.round}`,
      );
  }
}
