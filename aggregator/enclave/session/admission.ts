import { anchorsFor } from '#shared/attestation/anchors.ts';
import { appraise } from '#shared/attestation/appraise.ts';
import { boundReportData } from '#shared/attestation/binding.ts';
import { knownEvidence } from '#shared/attestation/shown.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { equalBytes } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { verifySigned } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { accepted, refused, type Verdict } from '#shared/fault/verdict.ts';
import { type Join, participantProof, participantReportData } from '#shared/protocol/handshake.ts';
import type { Study, StudyParticipant } from '#shared/study/study.ts';

/** The transcript of the handshake that a join belongs to. */
export interface JoinContext {
  readonly study: Study;
  readonly th1: Uint8Array;
  readonly th2: Uint8Array;
  readonly atMs: number;
  readonly crypto: CryptoPort;
}

/**
 * Decides who joins: the identity key of the manifest must have signed this very handshake, and where the manifest
 * asks for evidence it must verify, pass the manifest's policy and be bound to this session.
 */
export async function admit(join: Join, context: JoinContext): Promise<Verdict<StudyParticipant>> {
  const { study, th2, crypto } = context;
  const participant = study.participants.find(({ id }) => id === join.participant);
  if (participant === undefined) return refused('PARTICIPANT_UNKNOWN', 'the manifest names no such participant');
  const proof = { payload: participantProof(th2), signature: join.signature };
  if (!verifySigned(PAYLOAD_TYPES.session, proof, participant.identityKey, crypto)) {
    return refused('PARTICIPANT_SIGNATURE_INVALID', `the join is not signed by the identity key of ${participant.id}`);
  }
  return participant.evidence === undefined
    ? accepted(participant)
    : admitByEvidence(join.evidence, participant, context);
}

async function admitByEvidence(
  shown: Join['evidence'],
  participant: StudyParticipant,
  context: JoinContext,
): Promise<Verdict<StudyParticipant>> {
  const { study, th1, atMs, crypto } = context;
  const policy = participant.evidence;
  if (policy === undefined || shown === null) {
    return refused('PARTICIPANT_EVIDENCE_REFUSED', 'the manifest asks this participant for evidence, and none came');
  }
  const evidence = knownEvidence(shown);
  if (evidence === undefined) return refused('PARTICIPANT_EVIDENCE_REFUSED', 'evidence of an unknown platform');
  const result = await verifyEvidence(evidence, { anchors: anchorsFor([policy]), atMs, crypto });
  if (result.kind === 'refused') return refused('PARTICIPANT_EVIDENCE_REFUSED', codesOf(result.reasons));
  const reasons = appraise(result.claims, [policy], atMs);
  if (reasons.length > 0) return refused('PARTICIPANT_EVIDENCE_REFUSED', codesOf(reasons));
  const reportData = participantReportData(participant.identityKey, study.digest, th1, crypto);
  const wanted = boundReportData(evidence.platform, reportData, crypto);
  return equalBytes(wanted, result.claims.reportData)
    ? accepted(participant)
    : refused('PARTICIPANT_EVIDENCE_REFUSED', 'the evidence is not bound to this session');
}

function codesOf(reasons: readonly { readonly code: string }[]): string {
  return reasons.map(({ code }) => code).join(', ');
}
