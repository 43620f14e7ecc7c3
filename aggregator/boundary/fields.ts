import { Type } from '@sinclair/typebox';
import { BOUNDARY_LIMITS } from './limits.ts';

/** Fields that several boundary messages share. */

/** No unknown keys, anywhere. */
export const closed = { additionalProperties: false } as const;

/** A SHA-256 digest. */
export const digest = Type.Uint8Array({ minByteLength: 32, maxByteLength: 32 });

/** Between 1 and `max` bytes. */
export function bytesBetween1And(max: number) {
  return Type.Uint8Array({ minByteLength: 1, maxByteLength: max });
}

/** A whole number from 0 to `max`. */
export function countUpTo(max: number) {
  return Type.Integer({ minimum: 0, maximum: max });
}

/** Rounds are u32 on the wire between participant and enclave. */
export const round = countUpTo(0xffff_ffff);

/** The id that the host gave a command; the enclave only hands it back. */
export const commandId = Type.String({ pattern: '^[a-z0-9-]{1,80}$' });

/** A refusal or fault code. */
export const code = Type.String({ pattern: '^[A-Z][A-Z_]{0,63}$' });

/** A line for a person. */
export const text = Type.String({ maxLength: BOUNDARY_LIMITS.textLengthMax });

/** A short lower-case name, such as a platform or a tensor backend. */
export const label = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' });
