import { createHash } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import { BOUNDARY_LIMITS } from '#boundary/limits.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import { decodeEnvelope } from '#shared/dsse/dsse.ts';
import { HOST_LIMITS } from './limits.ts';

/**
 * The little that a host reads of signed files, to file them under the right name. It verifies no signature: those
 * who fetch the files do.
 */

/** SHA-256 of `bytes`. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

const digestHex = Type.String({ pattern: '^[0-9a-f]{64}$' });

const StatementSchema = Type.Object({
  subject: Type.Array(Type.Object({ digest: Type.Object({ sha256: digestHex }) }), { minItems: 1, maxItems: 1 }),
  predicate: Type.Object({
    manifestDigest: digestHex,
    round: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
  }),
});

/** What a release statement says of its payload; all digests in lower-case hex. */
export interface StatementSummary {
  readonly release: string;
  readonly manifestDigest: string;
  readonly round: number;
  readonly payloadDigest: string;
}

/** Reads a release statement in its DSSE file form; `undefined` when it is not one. */
export function readStatement(envelope: Uint8Array): StatementSummary | undefined {
  const opened = decodeEnvelope('application/vnd.in-toto+json', envelope, BOUNDARY_LIMITS.statementBytesMax);
  if (opened === undefined) return undefined;
  const { payload } = opened.signed;
  const statement = decodeJson(StatementSchema, payload, BOUNDARY_LIMITS.statementBytesMax);
  const subject = statement?.subject[0];
  if (statement === undefined || subject === undefined) return undefined;
  return {
    release: toHex(sha256(payload)),
    manifestDigest: statement.predicate.manifestDigest,
    round: statement.predicate.round,
    payloadDigest: subject.digest.sha256,
  };
}

/** Manifest digest of a signed manifest in its DSSE file form; `undefined` when it is not one. */
export function manifestDigestOf(envelope: Uint8Array): Uint8Array | undefined {
  const opened = decodeEnvelope('application/vnd.cloister.manifest+yaml', envelope, HOST_LIMITS.studyFileBytesMax);
  return opened === undefined ? undefined : sha256(opened.signed.payload);
}

const CommandSchema = Type.Object({
  command: Type.Union([Type.Literal('start'), Type.Literal('pause'), Type.Literal('resume'), Type.Literal('stop')]),
});

/** Which command a signed command holds; `undefined` when it is not one. */
export function commandNameOf(envelope: Uint8Array): 'start' | 'pause' | 'resume' | 'stop' | undefined {
  const opened = decodeEnvelope('application/vnd.cloister.command+json', envelope, HOST_LIMITS.commandBytesMax);
  if (opened === undefined) return undefined;
  return decodeJson(CommandSchema, opened.signed.payload, HOST_LIMITS.commandBytesMax)?.command;
}
