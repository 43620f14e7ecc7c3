import type { ServedEvidence } from '#client/evidence/evidence-file.ts';
import { type AttestationResult, type AttestedAggregator, attestAggregator } from '#shared/attestation/attested.ts';
import { explainAttestation } from '#shared/attestation/explain.ts';
import { PLATFORMS } from '#shared/attestation/platforms.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { knownEvidence } from '#shared/attestation/shown.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { Study } from '#shared/study/study.ts';

/** What a coordinator appraises by: the manifest's policy always, and its own. */
export interface HostRules {
  readonly study: Study;
  readonly policies: readonly AppraisalPolicy[];
  readonly atMs: number;
  readonly crypto: CryptoPort;
}

/** Coordinators send no nonce: a command names the very enclave whose key the evidence shows, and its age is bounded. */
const NO_NONCE = { kind: 'any', because: 'the command will name this very instance and expires soon' } as const;

/** Appraises evidence for the keys that it came with, under the manifest's policy and all of `rules.policies`. */
export async function appraiseServed(served: ServedEvidence, rules: HostRules): Promise<AttestationResult> {
  const evidence = knownEvidence(served);
  if (evidence === undefined) {
    throw new Fault('EVIDENCE_REFUSED', `the evidence is of no known platform; known: ${PLATFORMS.join(', ')}`);
  }
  const { study, policies, atMs, crypto } = rules;
  const { kemKey, signingKey, nonceRoot } = served;
  return attestAggregator(
    {
      evidence,
      kemKey,
      signingKey,
      nonceRoot,
      manifestDigest: study.digest,
      nonceIndex: 0,
      nonceCount: 0,
      noncePath: [],
    },
    { manifestDigest: study.digest, nonce: NO_NONCE },
    { policies: [study.policy, ...policies], atMs, crypto },
  );
}

/** Like {@link appraiseServed}. @throws Fault `EVIDENCE_REFUSED` that lists every reason. */
export async function attestHost(served: ServedEvidence, rules: HostRules): Promise<AttestedAggregator> {
  const result = await appraiseServed(served, rules);
  if (result.kind === 'attested') return result.aggregator;
  throw new Fault('EVIDENCE_REFUSED', explainAttestation(result).join('\n'));
}
