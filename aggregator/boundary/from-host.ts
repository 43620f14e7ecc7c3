import { Type } from '@sinclair/typebox';
import { ENDORSEMENT_KINDS } from '#shared/attestation/evidence.ts';
import { bytesBetween1And, closed, commandId, countUpTo, digest } from './fields.ts';
import { type BoundaryMessage, boundaryCodec } from './frame.ts';
import { BOUNDARY_LIMITS } from './limits.ts';

const endorsement = Type.Object(
  {
    kind: Type.Union(ENDORSEMENT_KINDS.map((kind) => Type.Literal(kind))),
    bytes: bytesBetween1And(BOUNDARY_LIMITS.endorsementBytesMax),
  },
  closed,
);

/**
 * Everything the host may say to the enclave. The host is not trusted: a study and a command are signed by their
 * coordinator, weights are checked against the digest in the manifest, a false `release-stored` costs a delay only, and
 * false endorsements are refused by who verifies.
 * Tags are never reused; 4 is reserved for restoring a release.
 */
export const FROM_HOST = {
  /** Offers a study. `weightsBytes` bytes of initial weights follow in `study-weights`; 0 means that none follow. */
  study: {
    tag: 1,
    body: Type.Object(
      {
        envelope: bytesBetween1And(BOUNDARY_LIMITS.studyEnvelopeBytesMax),
        weightsBytes: countUpTo(BOUNDARY_LIMITS.weightsBytesMax),
      },
      closed,
    ),
  },
  /** A piece of a study's initial weights, in order and without gaps from offset 0. */
  'study-weights': {
    tag: 2,
    body: Type.Object(
      {
        manifestDigest: digest,
        offset: countUpTo(BOUNDARY_LIMITS.weightsBytesMax),
        bytes: bytesBetween1And(BOUNDARY_LIMITS.pieceBytesMax),
        last: Type.Boolean(),
      },
      closed,
    ),
  },
  /** A coordinator's signed command. The same id may come again after a lost connection. */
  command: {
    tag: 3,
    body: Type.Object({ id: commandId, envelope: bytesBetween1And(BOUNDARY_LIMITS.commandEnvelopeBytesMax) }, closed),
  },
  /** The release is durable in the queue, so participants may be told of it. */
  'release-stored': { tag: 5, body: Type.Object({ release: digest }, closed) },
  /**
   * What vendors signed about this platform and the host collected, to go along with evidence from now on: replaces what
   * was sent before. Whoever verifies the evidence verifies these; to the enclave they are bytes.
   */
  endorsements: {
    tag: 6,
    body: Type.Object({ items: Type.Array(endorsement, { maxItems: BOUNDARY_LIMITS.endorsementsMax }) }, closed),
  },
} as const;

/** A message from the host. */
export type FromHost = BoundaryMessage<typeof FROM_HOST>;

const codec = boundaryCodec(FROM_HOST);

/** A whole frame, length included. Throws `InvariantFault` for a message outside its bounds. */
export const encodeFromHost: (message: FromHost) => Uint8Array = codec.encode;

/** One message without its length bytes; `undefined` for anything that is not exactly one legal message. */
export const decodeFromHost: (bytes: Uint8Array) => FromHost | undefined = codec.decode;
