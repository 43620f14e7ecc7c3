import { type AttestationRules, type AttestedAggregator, attestAggregator } from '#shared/attestation/attested.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import { explainAttestation } from '#shared/attestation/explain.ts';
import { PLATFORMS } from '#shared/attestation/platforms.ts';
import type { ReasonCode } from '#shared/attestation/reasons.ts';
import { knownEvidence } from '#shared/attestation/shown.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { Attest } from '#shared/protocol/handshake.ts';

/** Reasons that say: genuine evidence, but not for this session. */
const UNBOUND: readonly ReasonCode[] = ['BINDING_MISMATCH', 'MANIFEST_MISMATCH', 'NONCE_MISMATCH'];

/**
 * The trust decision before the join: the evidence of an attest frame, for the keys that it shows, the manifest that
 * we know and the nonce that we sent, under every policy in `rules` (the manifest's and our own).
 * @throws Fault - EVIDENCE_REFUSED, or EVIDENCE_UNBOUND when the evidence itself is genuine but for other keys,
 * another manifest or another nonce. Both list every reason. Stop and look.
 */
export async function verifyAttest(
  attest: Attest,
  manifestDigest: Uint8Array,
  nonce: Uint8Array,
  rules: AttestationRules,
): Promise<AttestedAggregator> {
  const { kemKey, signingKey, nonceRoot, nonceIndex, nonceCount, noncePath } = attest;
  const evidence = evidenceOf(attest);
  const result = await attestAggregator(
    { evidence, kemKey, signingKey, manifestDigest, nonceRoot, nonceIndex, nonceCount, noncePath },
    { manifestDigest, nonce },
    rules,
  );
  if (result.kind === 'attested') return result.aggregator;
  const unbound = result.reasons.every(({ code }) => UNBOUND.includes(code));
  throw new Fault(unbound ? 'EVIDENCE_UNBOUND' : 'EVIDENCE_REFUSED', explainAttestation(result).join('\n'));
}

function evidenceOf(attest: Attest): Evidence {
  const evidence = knownEvidence(attest);
  if (evidence === undefined) {
    throw new Fault(
      'EVIDENCE_REFUSED',
      `the enclave shows evidence of a platform that this version cannot verify; known: ${PLATFORMS.join(', ')}`,
    );
  }
  return evidence;
}

/**
 * The participant's own attester: evidence that binds 64 bytes of report data. Needed only where the manifest demands
 * evidence from this participant.
 */
export interface ParticipantAttester {
  /** @throws Fault - ATTESTER_FAILED */
  evidenceFor(reportData: Uint8Array): Promise<Evidence>;
}
