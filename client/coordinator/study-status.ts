import { type Static, Type } from '@sinclair/typebox';
import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { decodeEnvelope, verifyEnvelope } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { Fault } from '#shared/fault/fault.ts';

const STATUS_BYTES_MAX = 64 * 1024;

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });

const StatusSchema = Type.Object(
  {
    manifestDigest: digest,
    instance: digest,
    name: Type.String({ minLength: 1, maxLength: 64 }),
    phase: Type.String({ pattern: '^[a-z]{1,32}$' }),
    round: count,
    rounds: count,
    attempt: count,
    connected: count,
    cohort: count,
    received: count,
    refusals: Type.Record(Type.String({ pattern: '^[A-Z_]{1,48}$' }), count),
    release: Type.Union([digest, Type.Null()]),
  },
  { additionalProperties: false },
);

/** What an enclave says of the progress of its study (docs/protocol.md section 9): counts only. */
export type StudyStatus = Static<typeof StatusSchema>;

/**
 * The status in `envelopeBytes`, proved to come from the attested enclave and to be about its study.
 * @throws Fault `ENCLAVE_SIGNATURE_INVALID`
 */
export function openStatus(envelopeBytes: Uint8Array, attested: AttestedAggregator, crypto: CryptoPort): StudyStatus {
  const envelope = decodeEnvelope(PAYLOAD_TYPES.status, envelopeBytes, STATUS_BYTES_MAX);
  if (envelope === undefined || !verifyEnvelope(PAYLOAD_TYPES.status, envelope, attested.signingKey, crypto)) {
    throw new Fault('ENCLAVE_SIGNATURE_INVALID', 'the status is not signed by the attested enclave');
  }
  const status = decodeJson(StatusSchema, envelope.signed.payload, STATUS_BYTES_MAX);
  if (status === undefined || status.manifestDigest !== toHex(attested.manifestDigest)) {
    throw new Fault('ENCLAVE_SIGNATURE_INVALID', 'the enclave signed a status that is malformed or of another study');
  }
  return status;
}
