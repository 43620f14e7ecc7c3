import { anchorsFor } from '../attestation/anchors.ts';
import { type AttestedAggregator, attestAggregator } from '../attestation/attested.ts';
import type { Evidence } from '../attestation/evidence.ts';
import { PLATFORMS } from '../attestation/platforms.ts';
import type { AppraisalPolicy } from '../attestation/policy.ts';
import { knownEvidence } from '../attestation/shown.ts';
import { verifyEvidence } from '../attestation/verify.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { Fault } from '../fault/fault.ts';
import type { ReleaseEvidence } from './statement.ts';
import type { AttestRelease } from './verify-release.ts';

const NO_NONCE = {
  kind: 'any',
  because: 'a release is verified by those who were not there when it was made',
} as const;

/**
 * Appraises the evidence of releases by `policies`, every one of which must hold, at the time that the document
 * states: its certificates are short-lived, and a release is read for years.
 */
export function attestReleaseBy(
  policies: readonly AppraisalPolicy[],
  crypto: CryptoPort,
): AttestRelease<AttestedAggregator> {
  return async (release, manifestDigest) => {
    const evidence = evidenceOf(release);
    const atMs = await statedTimeMs(evidence, policies, crypto);
    const { kemKey, signingKey, nonceRoot } = release;
    const statement = {
      evidence,
      kemKey,
      signingKey,
      nonceRoot,
      manifestDigest,
      nonceIndex: 0,
      nonceCount: 0,
      noncePath: [],
    };
    const result = await attestAggregator(statement, { manifestDigest, nonce: NO_NONCE }, { policies, atMs, crypto });
    if (result.kind === 'attested') return result.aggregator;
    const reasons = result.reasons.map(({ code, detail }) => `${code} (${detail})`).join('; ');
    throw new Fault('EVIDENCE_REFUSED', `the evidence of the release was refused: ${reasons}`);
  };
}

/**
 * A first look that reads the evidence's own time and trusts nothing; the verification proper follows at that time.
 * Evidence without one is judged at the first moment at which everything that it came with was valid.
 */
async function statedTimeMs(
  evidence: Evidence,
  policies: readonly AppraisalPolicy[],
  crypto: CryptoPort,
): Promise<number> {
  const { claims } = await verifyEvidence(evidence, { anchors: anchorsFor(policies), atMs: 0, crypto });
  if (claims === undefined) throw new Fault('EVIDENCE_REFUSED', 'the evidence of the release cannot be read');
  return claims.issuedAtMs ?? claims.validFromMs;
}

function evidenceOf(release: ReleaseEvidence): Evidence {
  const known = knownEvidence(release);
  if (known === undefined) {
    throw new Fault(
      'EVIDENCE_REFUSED',
      `the release shows evidence of no known platform; known: ${PLATFORMS.join(', ')}`,
    );
  }
  return known;
}
