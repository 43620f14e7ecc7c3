import { type Static, Type } from '@sinclair/typebox';
import { bytesOf, decodeMsgpack, encodeMsgpack } from '#shared/codec/msgpack.ts';
import { KEM_KEY_BYTES } from './frames.ts';
import { LIMITS } from './limits.ts';

const count = Type.Integer({ minimum: 0, maximum: 0xffffffff });

/** What opens a round to a member of its cohort (docs/protocol.md section 5); signed by the enclave. */
export const RoundOpeningSchema = Type.Object(
  {
    manifestDigest: bytesOf(32),
    round: count,
    attempt: count,
    kem: Type.Integer({ minimum: 0, maximum: 0xffff }),
    roundKey: bytesOf(KEM_KEY_BYTES),
    baseRelease: bytesOf(32),
    layoutDigest: bytesOf(32),
    chunkBytes: Type.Integer({ minimum: LIMITS.chunkBytesMin, maximum: LIMITS.chunkBytesMax, multipleOf: 4 }),
    remainingMs: count,
  },
  { additionalProperties: false },
);
/** A decoded {@link RoundOpeningSchema}. */
export type RoundOpening = Static<typeof RoundOpeningSchema>;

/** Payload of a round opening, to be signed. */
export function encodeRoundOpening(opening: RoundOpening): Uint8Array {
  return encodeMsgpack(opening);
}

/** A round opening, or `undefined` for anything else; its signature is still to be verified. */
export function decodeRoundOpening(payload: Uint8Array): RoundOpening | undefined {
  return decodeMsgpack(RoundOpeningSchema, payload, LIMITS.signedPayloadBytesMax);
}
