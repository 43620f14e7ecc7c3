/**
 * The update header (protocol section 6): what an update is, for which round, and the encapsulated key that its
 * stream key follows from. Its bytes as signed are the associated data of every chunk.
 */
import { type Static, Type } from '@sinclair/typebox';
import { equalBytes, toHex } from '../bytes/bytes.ts';
import { bytesOf, decodeMsgpack, encodeMsgpack, exactly } from '../codec/msgpack.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { type Signed, verifySigned } from '../dsse/dsse.ts';
import { PAYLOAD_TYPES } from '../dsse/types.ts';
import { accepted, refused, type Verdict } from '../fault/verdict.ts';
import { KEM_X_WING } from '../hpke/suite.ts';

/** One and the same detail for everything that could not be opened, whatever the cause. */
export const CANNOT_OPEN = 'the update could not be opened';

/** Longest header payload; a real one has about 1.5 KiB. */
export const UPDATE_HEADER_BYTES_MAX = 4 * 1024;

const UpdateHeaderSchema = exactly({
  manifestDigest: bytesOf(32),
  round: Type.Integer({ minimum: 0, maximum: 0xffffffff }),
  attempt: Type.Integer({ minimum: 0, maximum: 0xffffffff }),
  participant: Type.String({ minLength: 1, maxLength: 64 }),
  updateId: bytesOf(16),
  baseRelease: bytesOf(32),
  layoutDigest: bytesOf(32),
  kem: Type.Integer({ minimum: 0, maximum: 0xffff }),
  encapsulated: bytesOf(1120),
  chunkBytes: Type.Integer({ minimum: 1, maximum: 0xffffffff }),
  tensorBytes: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
});

/** Fields of a header. `round` and `attempt` count from 0; sizes in bytes; digests of 32, the id of 16 bytes. */
export type UpdateHeader = Readonly<Static<typeof UpdateHeaderSchema>>;

declare const verified: unique symbol;

/** A header that its sender signed and that fits the open round. {@link openUpdateHeader} is its only producer. */
export type VerifiedUpdateHeader = UpdateHeader & {
  readonly [verified]: true;
  /** The bytes that were signed. */
  readonly payload: Uint8Array;
};

/** What the open round and the session allow a header to say. */
export interface UpdateExpectations {
  /** The participant of the session and the identity key that the manifest gives it. */
  readonly participant: string;
  readonly identityKey: Uint8Array;
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly attempt: number;
  readonly baseRelease: Uint8Array;
  readonly layoutDigest: Uint8Array;
  readonly chunkBytes: number;
  readonly tensorBytes: number;
}

/** Payload bytes of a header. */
export function encodeUpdateHeader(header: UpdateHeader): Uint8Array {
  // Spelt out, so that the order of the fields never depends on how the caller built the object.
  const { manifestDigest, round, attempt, participant, updateId, baseRelease } = header;
  const { layoutDigest, kem, encapsulated, chunkBytes, tensorBytes } = header;
  const sizes = { chunkBytes, tensorBytes };
  const place = { manifestDigest, round, attempt, participant, updateId, baseRelease, layoutDigest };
  return encodeMsgpack({ ...place, kem, encapsulated, ...sizes });
}

/** Fields of header payload bytes, or `undefined` when they are malformed. Byte strings are views of `payload`. */
export function decodeUpdateHeader(payload: Uint8Array): UpdateHeader | undefined {
  return decodeMsgpack(UpdateHeaderSchema, payload, UPDATE_HEADER_BYTES_MAX);
}

/**
 * Verifies the signature, then holds every field against the round. The accepted header owns its bytes: it keeps no
 * view of the frame that it came in.
 */
export function openUpdateHeader(
  signed: Signed,
  expected: UpdateExpectations,
  crypto: CryptoPort,
): Verdict<VerifiedUpdateHeader> {
  if (!verifySigned(PAYLOAD_TYPES.updateHeader, signed, expected.identityKey, crypto)) {
    return refused(
      'UPDATE_SIGNATURE_INVALID',
      `the header is not signed by the identity key of ${expected.participant}`,
    );
  }
  const payload = signed.payload.slice();
  const header = decodeUpdateHeader(payload);
  if (header === undefined) return refused('FRAME_MALFORMED', 'the header is not a well-formed update header');
  const misfit = identityMisfit(header, expected) ?? shapeMisfit(header, expected);
  if (misfit !== undefined) return misfit;
  return accepted({ ...header, payload } as VerifiedUpdateHeader);
}

/** Study, sender, round and starting point. */
function identityMisfit(header: UpdateHeader, expected: UpdateExpectations): Verdict<never> | undefined {
  if (!equalBytes(header.manifestDigest, expected.manifestDigest)) {
    return refused('STUDY_WRONG', `the update is bound to another manifest than ${toHex(expected.manifestDigest)}`);
  }
  if (header.participant !== expected.participant) {
    return refused('UPDATE_FOREIGN', `the header names another participant than ${expected.participant}`);
  }
  if (header.round !== expected.round || header.attempt !== expected.attempt) {
    const found = `round ${header.round} attempt ${header.attempt}`;
    return refused(
      'ROUND_WRONG',
      `the update is for ${found}; open is round ${expected.round} attempt ${expected.attempt}`,
    );
  }
  if (!equalBytes(header.baseRelease, expected.baseRelease)) {
    return refused('UPDATE_BASE_WRONG', `expected an update from release ${toHex(expected.baseRelease)}`);
  }
  return undefined;
}

/** Layout, sizes and suite. */
function shapeMisfit(header: UpdateHeader, expected: UpdateExpectations): Verdict<never> | undefined {
  if (!equalBytes(header.layoutDigest, expected.layoutDigest)) {
    return refused('UPDATE_LAYOUT_WRONG', `expected the layout ${toHex(expected.layoutDigest)}`);
  }
  if (header.tensorBytes !== expected.tensorBytes) {
    return refused('UPDATE_OVERSIZED', `${header.tensorBytes} tensor bytes stated, expected ${expected.tensorBytes}`);
  }
  if (header.chunkBytes !== expected.chunkBytes) {
    return refused('UPDATE_OVERSIZED', `chunks of ${header.chunkBytes} bytes stated, expected ${expected.chunkBytes}`);
  }
  // Version 1 opens one KEM only; an update under another has the one answer of all that cannot be opened.
  if (header.kem !== KEM_X_WING) return refused('UPDATE_REJECTED', CANNOT_OPEN);
  return undefined;
}
