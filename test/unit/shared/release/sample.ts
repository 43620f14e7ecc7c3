import { concat, equalBytes } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { ReleaseSealer, signRelease } from '#shared/release/seal-release.ts';
import type { ReleaseEvidence, ReleaseStatement } from '#shared/release/statement.ts';
import type { AttestRelease } from '#shared/release/verify-release.ts';

export const MANIFEST_DIGEST = new Uint8Array(32).fill(1);
export const ZERO32 = new Uint8Array(32);

const signing = crypto.ed25519Generate();

/** Evidence that only {@link attestSample} believes: it proves nothing and stands for a document of 300 bytes. */
export const EVIDENCE: ReleaseEvidence = {
  platform: 'aws-nitro',
  document: new Uint8Array(300).fill(0xd0),
  endorsements: [{ kind: 'crl', bytes: new Uint8Array(40).fill(0xe0) }],
  kemKey: new Uint8Array(1216).fill(2),
  signingKey: signing.publicKey,
  nonceRoot: new Uint8Array(32).fill(3),
};

/** Accepts {@link EVIDENCE} for the sample study, byte for byte, and nothing else. */
export const attestSample: AttestRelease<string> = async (evidence, manifestDigest) => {
  const parts = ({ document, endorsements, kemKey, signingKey, nonceRoot }: ReleaseEvidence) =>
    concat(document, ...endorsements.map(({ bytes }) => bytes), kemKey, signingKey, nonceRoot, manifestDigest);
  const isSample = evidence.platform === EVIDENCE.platform && equalBytes(parts(evidence), parts(EVIDENCE));
  if (!isSample) throw new Fault('EVIDENCE_REFUSED', 'not the sample evidence');
  return 'proved';
};

/** What a sample release is made with. */
export interface SampleOptions {
  readonly round: number;
  readonly previous: Uint8Array;
  readonly weights: Float32Array;
  readonly chunkBytes: number;
  readonly recipients: readonly { readonly id: string; readonly releaseKey: Uint8Array }[];
}

/** A whole release: its file, digest and payload. */
export async function sampleRelease(options: SampleOptions, alter: Partial<ReleaseStatement> = {}) {
  const { round, previous, weights, chunkBytes, recipients } = options;
  const tensorBytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  const place = { manifestDigest: MANIFEST_DIGEST, round, previous };
  const prelude = { metrics: { loss: 0.25 }, contributions: 3 };
  const sealer = await ReleaseSealer.create({ ...place, recipients, chunkBytes }, { prelude, tensorBytes }, crypto);
  const pieces: Uint8Array[] = [];
  for await (const piece of sealer.pieces()) pieces.push(piece);
  const statement: ReleaseStatement = {
    ...place,
    payloadDigest: sealer.payloadDigest(),
    study: 'sample',
    cohortSize: 4,
    contributions: 3,
    rule: round === 0 ? { kind: 'initial' } : { kind: 'mean', weighting: 'examples' },
    privacy: { kind: 'none' },
    layoutDigest: new Uint8Array(32).fill(4),
    tensorBytes: tensorBytes.length,
    chunkBytes,
    evidence: EVIDENCE,
    ...alter,
  };
  const { envelope, release } = signRelease(statement, signing.secretKey, crypto);
  return { envelope, release, pieces, payload: concat(...pieces), sealer, statement, prelude };
}
