import { equalBytes } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { decodeEnvelope, encodeEnvelope, keyIdOf, signPayload, verifyEnvelope } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { Fault } from '#shared/fault/fault.ts';
import { MANIFEST_LIMITS } from './manifest.ts';
import { readStudy, type Study } from './study.ts';

/** Longest envelope of a manifest: base64 and the frame around it. */
export const SIGNED_STUDY_BYTES_MAX = Math.ceil(MANIFEST_LIMITS.bytesMax / 3) * 4 + 1024;

/**
 * The DSSE envelope of a study's manifest, its bytes as they are.
 * @throws Fault `MANIFEST_SIGNATURE_INVALID` when `secretKey` (Ed25519 seed) is not that of the coordinator it names.
 */
export function signStudy(study: Study, secretKey: Uint8Array, crypto: CryptoPort): Uint8Array {
  const publicKey = crypto.ed25519PublicKey(secretKey);
  if (!equalBytes(publicKey, study.coordinator.key)) {
    throw new Fault(
      'MANIFEST_SIGNATURE_INVALID',
      'the key is not the one under coordinator.key of the manifest; sign with that key, or put this one there',
    );
  }
  const signed = signPayload(PAYLOAD_TYPES.manifest, study.bytes, secretKey, crypto);
  return encodeEnvelope(PAYLOAD_TYPES.manifest, signed, keyIdOf(publicKey, crypto));
}

/**
 * The study of a signed manifest. That the coordinator it names signed it is proved; that this is the study that the
 * caller agreed to shows in its digest.
 * @throws Fault `MANIFEST_SIGNATURE_INVALID` for any other envelope or signature, `MANIFEST_INVALID` for its content.
 */
export function openSignedStudy(envelopeBytes: Uint8Array, crypto: CryptoPort): Study {
  const envelope = decodeEnvelope(PAYLOAD_TYPES.manifest, envelopeBytes, SIGNED_STUDY_BYTES_MAX);
  if (envelope === undefined) {
    throw new Fault('MANIFEST_SIGNATURE_INVALID', 'expected a signed manifest, as `cloister study sign` writes it');
  }
  const study = readStudy(envelope.signed.payload, crypto);
  if (!verifyEnvelope(PAYLOAD_TYPES.manifest, envelope, study.coordinator.key, crypto)) {
    throw new Fault('MANIFEST_SIGNATURE_INVALID', 'the manifest is not signed by the coordinator key that it names');
  }
  return study;
}
