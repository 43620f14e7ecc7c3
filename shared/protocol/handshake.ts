import { type Static, Type } from '@sinclair/typebox';
import { concat, lengthPrefixed, utf8 } from '#shared/bytes/bytes.ts';
import { bytesOf, bytesUpTo, decodeMsgpack, encodeMsgpack } from '#shared/codec/msgpack.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { ENCAPSULATED_BYTES, KEM_KEY_BYTES } from './frames.ts';
import { LIMITS } from './limits.ts';

const closed = { additionalProperties: false } as const;

/** Body of a hello frame: what the participant wants and its half of the key agreement. */
export const HelloSchema = Type.Object(
  {
    version: Type.Integer({ minimum: 0, maximum: 0xffff }),
    kem: Type.Integer({ minimum: 0, maximum: 0xffff }),
    manifestDigest: bytesOf(32),
    nonce: bytesOf(32),
    ephemeralKey: bytesOf(KEM_KEY_BYTES),
  },
  closed,
);
/** A decoded {@link HelloSchema}. */
export type Hello = Static<typeof HelloSchema>;

/** Kinds are the sender's words: a kind that this version does not know is no error. */
const endorsement = Type.Object(
  { kind: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }), bytes: bytesUpTo(LIMITS.endorsementBytesMax) },
  closed,
);
const endorsements = Type.Array(endorsement, { maxItems: LIMITS.endorsementsMax });
const platform = Type.String({ pattern: '^[a-z0-9-]{1,32}$' });

/** Body of an attest frame: evidence for the keys, the nonce's place in the batch, and the enclave's half. */
export const AttestSchema = Type.Object(
  {
    platform,
    document: bytesUpTo(LIMITS.evidenceBytesMax),
    endorsements,
    kemKey: bytesOf(KEM_KEY_BYTES),
    signingKey: bytesOf(32),
    nonceRoot: bytesOf(32),
    nonceIndex: Type.Integer({ minimum: 0, maximum: LIMITS.noncesPerQuoteMax - 1 }),
    nonceCount: Type.Integer({ minimum: 1, maximum: LIMITS.noncesPerQuoteMax }),
    noncePath: Type.Array(bytesOf(32), { maxItems: LIMITS.noncePathMax }),
    encapsulated: bytesOf(ENCAPSULATED_BYTES),
  },
  closed,
);
/** A decoded {@link AttestSchema}. */
export type Attest = Static<typeof AttestSchema>;

/** Plaintext of a join: who it is, proof of the identity key, its own evidence, and what it holds. */
export const JoinSchema = Type.Object(
  {
    participant: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }),
    signature: bytesOf(64),
    evidence: Type.Union([
      Type.Object({ platform, document: bytesUpTo(LIMITS.evidenceBytesMax), endorsements }, closed),
      Type.Null(),
    ]),
    holds: Type.Union([bytesOf(32), Type.Null()]),
  },
  closed,
);
/** A decoded {@link JoinSchema}. */
export type Join = Static<typeof JoinSchema>;

/** Body of a close frame: a hint, since anybody on the path can forge it. */
export const CloseSchema = Type.Object(
  {
    code: Type.String({ pattern: '^[A-Z_]{1,48}$' }),
    retryAfterMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
  },
  closed,
);
/** A decoded {@link CloseSchema}. */
export type CloseHint = Static<typeof CloseSchema>;

/** Body of a hello frame. */
export function encodeHello(hello: Hello): Uint8Array {
  return encodeMsgpack(hello);
}

/** A hello, or `undefined` for anything else. Its byte fields are views into `body`. */
export function decodeHello(body: Uint8Array): Hello | undefined {
  return decodeMsgpack(HelloSchema, body, LIMITS.helloBytesMax);
}

/** Body of an attest frame. */
export function encodeAttest(attest: Attest): Uint8Array {
  return encodeMsgpack(attest);
}

/** The shape of an attest frame, or `undefined` for anything else; what it claims is still to be verified. */
export function decodeAttest(body: Uint8Array): Attest | undefined {
  return decodeMsgpack(AttestSchema, body, LIMITS.attestBytesMax);
}

/** Body of a close frame. */
export function encodeClose(hint: CloseHint): Uint8Array {
  return encodeMsgpack(hint);
}

/** A close hint, or `undefined` for anything else. */
export function decodeClose(body: Uint8Array): CloseHint | undefined {
  return decodeMsgpack(CloseSchema, body, LIMITS.closeBytesMax);
}

/** What both sides know before the join: the transcript so far, and both shared secrets. */
export interface Agreement {
  /** SHA-256 over everything that both sides have sent, up to the join's encapsulated key. */
  readonly th2: Uint8Array;
  readonly prk: Uint8Array;
  readonly joinKey: Uint8Array;
}

/** Traffic keys of a session; `keyFor` derives one epoch's key (2^16 frames each). */
export interface TrafficKeys {
  readonly th3: Uint8Array;
  keyFor(direction: 'to-enclave' | 'to-participant', epoch: number): Uint8Array;
  /** Overwrites what the keys are derived from. */
  wipe(): void;
}

/** `th1`: hash of both opening frames, as sent. */
export function openingTranscript(helloFrame: Uint8Array, attestFrame: Uint8Array, crypto: CryptoPort): Uint8Array {
  return crypto.digest('sha256', lengthPrefixed(utf8('cloister/v1/session'), helloFrame, attestFrame));
}

/**
 * Mixes both shared secrets with the transcript (docs/protocol.md section 3).
 * `ephemeralSecret` is to the participant's fresh key, `attestedSecret` to the enclave's attested one.
 */
export function agree(
  th1: Uint8Array,
  joinEncapsulated: Uint8Array,
  secrets: { readonly ephemeralSecret: Uint8Array; readonly attestedSecret: Uint8Array },
  crypto: CryptoPort,
): Agreement {
  const th2 = crypto.digest('sha256', lengthPrefixed(utf8('cloister/v1/session-keys'), th1, joinEncapsulated));
  const prk = crypto.hkdfExtract(th2, concat(secrets.ephemeralSecret, secrets.attestedSecret));
  return { th2, prk, joinKey: crypto.hkdfExpand(prk, utf8('cloister/v1/join'), 32) };
}

const JOIN_NONCE = new Uint8Array(12);

/** Seals the join under the join key, bound to the transcript. */
export function sealJoin(join: Join, agreement: Agreement, crypto: CryptoPort): Promise<Uint8Array> {
  return crypto.aesGcmSeal(agreement.joinKey, JOIN_NONCE, agreement.th2, encodeMsgpack(join));
}

/** Opens and decodes a join; `undefined` when it was not sealed in this very session or is malformed. */
export async function openJoin(
  sealed: Uint8Array,
  agreement: Agreement,
  crypto: CryptoPort,
): Promise<Join | undefined> {
  const plaintext = await crypto.aesGcmOpen(agreement.joinKey, JOIN_NONCE, agreement.th2, sealed);
  return plaintext === undefined ? undefined : decodeMsgpack(JoinSchema, plaintext, LIMITS.joinBytesMax);
}

/** Keys of the session proper, bound to the whole transcript including the join frame. */
export function trafficKeys(agreement: Agreement, joinFrameBytes: Uint8Array, crypto: CryptoPort): TrafficKeys {
  const th3 = crypto.digest('sha256', lengthPrefixed(utf8('cloister/v1/session-end'), agreement.th2, joinFrameBytes));
  const keyFor = (direction: 'to-enclave' | 'to-participant', epoch: number): Uint8Array => {
    const epochBytes = new Uint8Array(4);
    new DataView(epochBytes.buffer).setUint32(0, epoch);
    return crypto.hkdfExpand(agreement.prk, lengthPrefixed(utf8(`cloister/v1/${direction}`), th3, epochBytes), 32);
  };
  return { th3, keyFor, wipe: () => void agreement.prk.fill(0) };
}

/** The bytes that a participant signs, under the payload type `application/vnd.cloister.session+bytes`. */
export function participantProof(th2: Uint8Array): Uint8Array {
  return lengthPrefixed(utf8('participant'), th2);
}

/** The bytes that the enclave signs, under the same payload type. */
export function enclaveProof(th3: Uint8Array): Uint8Array {
  return lengthPrefixed(utf8('enclave'), th3);
}

/** What a participant's own evidence must bind: its identity, this study and this session. 64 bytes. */
export function participantReportData(
  identityKey: Uint8Array,
  manifestDigest: Uint8Array,
  th1: Uint8Array,
  crypto: CryptoPort,
): Uint8Array {
  return crypto.digest('sha512', lengthPrefixed(utf8('cloister/v1/participant'), identityKey, manifestDigest, th1));
}
