import { REFUSAL_CODES, type RefusalCode } from '#shared/fault/codes.ts';

/** Envelopes made for one opening before the participant gives the round up. */
export const ENVELOPES_PER_OPENING_MAX = 3;

/** What to do about a refused update. */
export type UpdateReaction =
  /** Seal the same update anew, under a fresh id and key. */
  | 'seal-anew'
  /** Begin the same envelope again: it stood still and gave up its place. */
  | 'begin-again'
  /** This opening is over; wait for the next one. */
  | 'wait'
  /** The enclave has an update of ours already. */
  | 'settled'
  /** Sending it again cannot help: tell the enclave not to wait, and the person to mend it. */
  | 'decline'
  /** Something is badly wrong: stop. */
  | 'stop';

const REACTIONS: Readonly<Partial<Record<RefusalCode, UpdateReaction>>> = {
  UPDATE_REJECTED: 'seal-anew',
  UPDATE_REPLAYED: 'seal-anew',
  CHUNK_REPEATED: 'seal-anew',
  CHUNK_MISSING: 'seal-anew',
  CHUNK_FOREIGN: 'seal-anew',
  CHUNK_MALFORMED: 'seal-anew',
  UPLOAD_PREEMPTED: 'begin-again',
  UPDATE_DUPLICATE: 'settled',
};

/** The reaction to a signed refusal of an update; what has no entry of its own follows from the code's action. */
export function reactionTo(code: RefusalCode): UpdateReaction {
  const special = REACTIONS[code];
  if (special !== undefined) return special;
  const { action } = REFUSAL_CODES[code];
  return action === 'retry' ? 'wait' : action === 'fix' ? 'decline' : 'stop';
}

/**
 * Whether a session that ended with `code` may be followed by another one. What the path can provoke by damaging
 * frames is always worth another try; what the enclave says of us and our configuration is not.
 */
export function mayRejoin(code: string): boolean {
  if (!Object.hasOwn(REFUSAL_CODES, code)) return true;
  if (code.startsWith('FRAME_') || code === 'MESSAGE_UNEXPECTED') return true;
  return REFUSAL_CODES[code as RefusalCode].action === 'retry';
}
