/**
 * Signed values (protocol section 1.1): Ed25519 over the DSSE pre-authentication encoding. On the wire a pair of
 * payload and signature, in a file an envelope with exactly one spelling.
 */
import { Type } from '@sinclair/typebox';
import { fromBase64, toBase64 } from '../bytes/base64.ts';
import { concat, equalBytes, toHex, utf8 } from '../bytes/bytes.ts';
import { decodeJson } from '../codec/json.ts';
import { exactly } from '../codec/msgpack.ts';
import type { CryptoPort } from '../crypto/port.ts';
import type { PayloadType } from './types.ts';

/** A payload as it was signed, with its 64-byte signature; type and key follow from where it stands. */
export interface Signed {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** What an envelope file holds. `keyId` is a claim until the signature has been verified under a key of that id. */
export interface Envelope {
  readonly signed: Signed;
  readonly keyId: string;
}

const SIGNATURE_BYTES = 64;

const EnvelopeSchema = exactly({
  payloadType: Type.String({ maxLength: 128 }),
  payload: Type.String(),
  signatures: Type.Array(
    exactly({ keyid: Type.String({ pattern: '^[0-9a-f]{64}$' }), sig: Type.String({ minLength: 88, maxLength: 88 }) }),
    { minItems: 1, maxItems: 1 },
  ),
});

/** DSSE pre-authentication encoding: what is signed, so that a payload can never pass for one of another type. */
export function preAuthEncoding(type: string, payload: Uint8Array): Uint8Array {
  const typeBytes = utf8(type);
  return concat(utf8(`DSSEv1 ${typeBytes.length} `), typeBytes, utf8(` ${payload.length} `), payload);
}

/** Signs `payload` as `type` with an Ed25519 seed. The payload is not copied. */
export function signPayload(type: PayloadType, payload: Uint8Array, secretKey: Uint8Array, crypto: CryptoPort): Signed {
  return { payload, signature: crypto.ed25519Sign(preAuthEncoding(type, payload), secretKey) };
}

/** Whether `signed` was signed as `type` under `publicKey`. */
export function verifySigned(type: PayloadType, signed: Signed, publicKey: Uint8Array, crypto: CryptoPort): boolean {
  return crypto.ed25519Verify(signed.signature, preAuthEncoding(type, signed.payload), publicKey);
}

/** Name of a public key in envelopes: lower-case hex of its SHA-256. */
export function keyIdOf(publicKey: Uint8Array, crypto: CryptoPort): string {
  return toHex(crypto.digest('sha256', publicKey));
}

/** The one file form of a signed value. */
export function encodeEnvelope(type: PayloadType, signed: Signed, keyId: string): Uint8Array {
  return utf8(
    JSON.stringify({
      payloadType: type,
      payload: toBase64(signed.payload),
      signatures: [{ keyid: keyId, sig: toBase64(signed.signature) }],
    }),
  );
}

/**
 * What an envelope file of at most `maxBytes` bytes holds, or `undefined` when it is of another type or spelt in any
 * other way than `encodeEnvelope` spells it. Verifies no signature.
 */
export function decodeEnvelope(type: PayloadType, bytes: Uint8Array, maxBytes: number): Envelope | undefined {
  const decoded = decodeJson(EnvelopeSchema, bytes, maxBytes);
  const entry = decoded?.signatures[0];
  if (decoded === undefined || entry === undefined || decoded.payloadType !== type) return undefined;
  const payload = fromBase64(decoded.payload);
  const signature = fromBase64(entry.sig);
  if (payload === undefined || signature?.length !== SIGNATURE_BYTES) return undefined;
  const envelope = { signed: { payload, signature }, keyId: entry.keyid };
  return equalBytes(encodeEnvelope(type, envelope.signed, envelope.keyId), bytes) ? envelope : undefined;
}

/** Whether `envelope` names `publicKey` and its signature as `type` holds under it. */
export function verifyEnvelope(
  type: PayloadType,
  envelope: Envelope,
  publicKey: Uint8Array,
  crypto: CryptoPort,
): boolean {
  return envelope.keyId === keyIdOf(publicKey, crypto) && verifySigned(type, envelope.signed, publicKey, crypto);
}
