import { lengthPrefixed, utf8 } from '../bytes/bytes.ts';

/** What something is sealed for. A new meaning is a new word. */
export type Purpose = 'update' | 'release';

/** Who seals or opens. */
export type Role = 'participant' | 'enclave' | 'recipient';

/** From whom to whom. */
export interface Direction {
  readonly sender: Role;
  readonly receiver: Role;
}

/** HPKE `info` (protocol section 1.2): binds version, purpose, both roles and the study. */
export function hpkeInfo(purpose: Purpose, direction: Direction, manifestDigest: Uint8Array): Uint8Array {
  const words = ['cloister/v1', purpose, direction.sender, direction.receiver].map(utf8);
  return lengthPrefixed(...words, manifestDigest);
}
