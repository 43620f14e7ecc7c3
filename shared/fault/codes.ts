import type { FaultAction } from './fault.ts';

/** What a code means and what its reader should do. */
export interface CodeEntry {
  readonly meaning: string;
  readonly action: FaultAction;
}

/**
 * Refusals that cross the wire: what an enclave answers to one peer. Codes are never renamed and never reused.
 * `UPDATE_REJECTED` is deliberately one code for everything that could not be opened, whatever the cause.
 */
export const REFUSAL_CODES = {
  FRAME_MALFORMED: {
    meaning: 'a frame that is too short, too long, of an unknown kind or badly encoded',
    action: 'stop',
  },
  FRAME_REPLAYED: { meaning: 'a sealed frame with a sequence number already used', action: 'retry' },
  FRAME_LOST: { meaning: 'a sealed frame arrived before one that should precede it', action: 'retry' },
  FRAME_FORGED: { meaning: 'a sealed frame that does not open under the session key', action: 'retry' },
  MESSAGE_UNEXPECTED: { meaning: 'a message that is not legal in the present state of the session', action: 'fix' },
  VERSION_UNSUPPORTED: { meaning: 'a protocol version that this enclave does not speak', action: 'fix' },
  STUDY_UNKNOWN: { meaning: 'a manifest digest that this enclave does not serve', action: 'fix' },
  HANDSHAKE_FORGED: {
    meaning: 'a join that does not open: wrong key, altered transcript or an unknown enclave key',
    action: 'retry',
  },
  PARTICIPANT_UNKNOWN: { meaning: 'an identity that the manifest does not name', action: 'fix' },
  PARTICIPANT_SIGNATURE_INVALID: {
    meaning: 'the join is not signed by the identity key that the manifest names',
    action: 'stop',
  },
  PARTICIPANT_EVIDENCE_REFUSED: {
    meaning: 'the participant had to show evidence, and it was absent or failed appraisal',
    action: 'fix',
  },
  SESSION_SUPERSEDED: { meaning: 'the same participant opened a newer session', action: 'stop' },
  SERVER_BUSY: { meaning: 'a bound on connections, handshakes or uploads is reached', action: 'retry' },
  SERVER_STOPPING: { meaning: 'the enclave is shutting down', action: 'retry' },
  ROUND_CLOSED: { meaning: 'an update for a round that has ended', action: 'retry' },
  ROUND_WRONG: { meaning: 'an update for a round or attempt that is not the open one', action: 'retry' },
  STUDY_WRONG: { meaning: 'an update bound to another manifest', action: 'fix' },
  COHORT_EXCLUDED: { meaning: 'an update from a participant that is not in the cohort of this round', action: 'retry' },
  UPDATE_DUPLICATE: { meaning: 'the participant already has an update in this round', action: 'stop' },
  UPDATE_REPLAYED: { meaning: 'an update id that was used before', action: 'fix' },
  UPDATE_SIGNATURE_INVALID: { meaning: 'an update header that is not signed by its sender', action: 'stop' },
  UPDATE_FOREIGN: { meaning: 'an update header that names another participant than the session', action: 'stop' },
  UPDATE_OVERSIZED: { meaning: 'an update whose stated size is not that of the layout', action: 'fix' },
  UPDATE_LAYOUT_WRONG: { meaning: 'names, shapes or types other than those of the manifest', action: 'fix' },
  UPDATE_BASE_WRONG: { meaning: 'an update trained from another release than the round names', action: 'retry' },
  UPDATE_NOT_FINITE: { meaning: 'an update that holds NaN or an infinity', action: 'fix' },
  UPDATE_EXAMPLES_INVALID: {
    meaning: 'an example count that is not an integer within the bounds of the manifest',
    action: 'fix',
  },
  UPDATE_METRICS_INVALID: { meaning: 'a metric that is unknown, not finite or one too many', action: 'fix' },
  UPDATE_REJECTED: { meaning: 'an update that could not be opened', action: 'retry' },
  CHUNK_REPEATED: { meaning: 'a chunk with an index already taken', action: 'retry' },
  CHUNK_MISSING: { meaning: 'a chunk arrived before one that should precede it', action: 'retry' },
  CHUNK_FOREIGN: { meaning: 'a chunk of an update that this session is not sending', action: 'retry' },
  CHUNK_MALFORMED: { meaning: 'a chunk of the wrong size', action: 'retry' },
  UPLOAD_PREEMPTED: { meaning: 'an upload that stood still gave its place to another', action: 'retry' },
  COMMAND_MALFORMED: { meaning: 'a command that is not a well-formed signed statement', action: 'fix' },
  COMMAND_SIGNATURE_INVALID: { meaning: 'a command that the coordinator of the study did not sign', action: 'stop' },
  COMMAND_EXPIRED: { meaning: 'a command past its expiry, or with an expiry too far ahead', action: 'retry' },
  COMMAND_REPLAYED: { meaning: 'a command nonce that was used before', action: 'stop' },
  COMMAND_FOREIGN: { meaning: 'a command for another enclave instance', action: 'retry' },
  COMMAND_ILLEGAL: { meaning: 'a command that does not apply in the present state of the study', action: 'fix' },
} as const satisfies Record<string, CodeEntry>;

/** A code of {@link REFUSAL_CODES}. */
export type RefusalCode = keyof typeof REFUSAL_CODES;

/** Faults raised on this side of the wire: thrown as `Fault`, told to the person or program that called. */
export const FAULT_CODES = {
  MANIFEST_INVALID: {
    meaning: 'a study manifest that does not satisfy the schema or contradicts itself',
    action: 'fix',
  },
  MANIFEST_SIGNATURE_INVALID: { meaning: 'a manifest that is not signed by the coordinator it names', action: 'stop' },
  KEY_FILE_INVALID: { meaning: 'a key file that cannot be read, is malformed or too widely readable', action: 'fix' },
  CONFIG_INVALID: { meaning: 'an option, environment variable or configuration file with a bad value', action: 'fix' },
  POLICY_INVALID: { meaning: 'an appraisal policy that does not satisfy the schema', action: 'fix' },
  EVIDENCE_REFUSED: {
    meaning: 'evidence that failed verification or appraisal; the reasons are listed',
    action: 'stop',
  },
  EVIDENCE_UNBOUND: { meaning: 'genuine evidence for other keys, another manifest or another nonce', action: 'stop' },
  ENCLAVE_SIGNATURE_INVALID: { meaning: 'a statement that the attested enclave did not sign', action: 'stop' },
  ENCLAVE_STATEMENT_WRONG: {
    meaning: 'a genuine statement of the enclave that contradicts the study or this session',
    action: 'stop',
  },
  SESSION_TAMPERED: {
    meaning: 'a frame that was malformed, replayed, lost or forged on its way; the frame code is in the message',
    action: 'retry',
  },
  RELEASE_INVALID: { meaning: 'a release whose header or payload does not verify', action: 'stop' },
  RELEASE_UNCHAINED: { meaning: 'a release that does not follow the newest one held', action: 'stop' },
  RELEASE_SEALED: { meaning: 'a release that holds no stanza for this key', action: 'fix' },
  PEER_REFUSED: { meaning: 'the enclave refused; the refusal code is in the message', action: 'fix' },
  CONNECTION_LOST: { meaning: 'the connection ended or could not be made', action: 'retry' },
  QUEUE_UNAVAILABLE: { meaning: 'the queue cannot be reached or started', action: 'retry' },
  DATA_INVALID: { meaning: 'a data set that cannot be read or does not fit the study', action: 'fix' },
  TRAINER_FAILED: { meaning: 'the trainer stopped without an update', action: 'fix' },
  ATTESTER_FAILED: { meaning: 'the platform gave no evidence', action: 'retry' },
  ATTESTER_MISSING: { meaning: 'this machine has no device for the evidence that is asked of it', action: 'fix' },
  BACKEND_MISSING: { meaning: 'no tensor backend could be loaded', action: 'fix' },
} as const satisfies Record<string, CodeEntry>;

/** A code of {@link FAULT_CODES}. */
export type FaultCode = keyof typeof FAULT_CODES;
