import { Type } from '@sinclair/typebox';
import { bytesBetween1And, closed, code, commandId, countUpTo, digest, label, round, text } from './fields.ts';
import { type BoundaryMessage, boundaryCodec } from './frame.ts';
import { BOUNDARY_LIMITS } from './limits.ts';

const endorsement = Type.Object({ kind: label, bytes: bytesBetween1And(BOUNDARY_LIMITS.endorsementBytesMax) }, closed);
const TRANSFER_MAX = 0xffff_ffff;
const signingKey = Type.Uint8Array({ minByteLength: 32, maxByteLength: 32 });
const kemKey = Type.Uint8Array({ minByteLength: 1216, maxByteLength: 1216 });

/**
 * Everything the enclave may say to the host: nothing in it is secret, for all of it is signed, sealed or public.
 * Tags are never reused and differ from those of the other direction.
 */
export const TO_HOST = {
  /** First message of a connection. `instance` is H(signing key) of this enclave. */
  ready: { tag: 33, body: Type.Object({ instance: digest, backend: label, platform: label }, closed) },
  /** The enclave serves this study. */
  'study-accepted': { tag: 34, body: Type.Object({ manifestDigest: digest, name: text }, closed) },
  /** The last study offered, or its weights, was refused. */
  'study-refused': { tag: 35, body: Type.Object({ code, detail: text }, closed) },
  /** Evidence for the keys shown, for anyone who asks the host; of no use in a session, which has its own nonce. */
  evidence: {
    tag: 36,
    body: Type.Object(
      {
        manifestDigest: digest,
        platform: label,
        document: bytesBetween1And(BOUNDARY_LIMITS.documentBytesMax),
        endorsements: Type.Array(endorsement, { maxItems: BOUNDARY_LIMITS.endorsementsMax }),
        kemKey,
        signingKey,
        nonceRoot: digest,
      },
      closed,
    ),
  },
  /** Signed status of a study, DSSE file form; replaces the one before. */
  status: {
    tag: 37,
    body: Type.Object(
      { manifestDigest: digest, envelope: bytesBetween1And(BOUNDARY_LIMITS.statusEnvelopeBytesMax) },
      closed,
    ),
  },
  /** The answer to a command: accepted, or refused with a code. */
  'command-result': {
    tag: 38,
    body: Type.Object(
      { id: commandId, accepted: Type.Boolean(), code: Type.Union([code, Type.Null()]), detail: text },
      closed,
    ),
  },
  /** How far the run that a command started has come. */
  'command-progress': { tag: 39, body: Type.Object({ id: commandId, round, rounds: round }, closed) },
  /** The run that a command started is over. */
  'command-done': {
    tag: 40,
    body: Type.Object(
      { id: commandId, phase: Type.Union([Type.Literal('finished'), Type.Literal('stopped'), Type.Literal('paused')]) },
      closed,
    ),
  },
  /** A release follows: `bytes` payload bytes in `release-chunk` pieces. `transfer` numbers it within this connection. */
  'release-begin': {
    tag: 41,
    body: Type.Object(
      {
        manifestDigest: digest,
        round,
        transfer: countUpTo(TRANSFER_MAX),
        bytes: Type.Integer({ minimum: 1, maximum: BOUNDARY_LIMITS.releaseBytesMax }),
      },
      closed,
    ),
  },
  /** A piece of the payload, in order and without gaps from offset 0. */
  'release-chunk': {
    tag: 42,
    body: Type.Object(
      {
        transfer: countUpTo(TRANSFER_MAX),
        offset: countUpTo(BOUNDARY_LIMITS.releaseBytesMax),
        bytes: bytesBetween1And(BOUNDARY_LIMITS.pieceBytesMax),
      },
      closed,
    ),
  },
  /** The payload is complete: its signed statement (DSSE file form) and its digest H(statement payload). */
  'release-end': {
    tag: 43,
    body: Type.Object(
      {
        transfer: countUpTo(TRANSFER_MAX),
        statement: bytesBetween1And(BOUNDARY_LIMITS.statementBytesMax),
        release: digest,
      },
      closed,
    ),
  },
  /** A line for the operator's log. */
  log: {
    tag: 44,
    body: Type.Object(
      {
        level: Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')]),
        event: label,
        fields: Type.Record(Type.String({ pattern: '^[a-z][A-Za-z0-9]{0,31}$' }), Type.Union([text, Type.Integer()]), {
          ...closed,
          maxProperties: BOUNDARY_LIMITS.logFieldsMax,
        }),
      },
      closed,
    ),
  },
} as const;

/** A message from the enclave. */
export type ToHost = BoundaryMessage<typeof TO_HOST>;

const codec = boundaryCodec(TO_HOST);

/** A whole frame, length included. Throws `InvariantFault` for a message outside its bounds. */
export const encodeToHost: (message: ToHost) => Uint8Array = codec.encode;

/** One message without its length bytes; `undefined` for anything that is not exactly one legal message. */
export const decodeToHost: (bytes: Uint8Array) => ToHost | undefined = codec.decode;
