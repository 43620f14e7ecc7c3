import { type Static, Type } from '@sinclair/typebox';
import { fromBase64, toBase64 } from '#shared/bytes/base64.ts';
import { equalBytes, utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import type { CryptoPort, Kem, KeyPair } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';

/** Longest key file, bytes. */
export const KEY_FILE_BYTES_MAX = 16 * 1024;

const PairSchema = Type.Object(
  { publicKey: Type.String({ maxLength: 2048 }), secretKey: Type.String({ maxLength: 64 }) },
  { additionalProperties: false },
);

const frame = { format: Type.Literal('cloister-key'), version: Type.Literal(1) };

const KeyFileSchema = Type.Union([
  Type.Object({ ...frame, kind: Type.Literal('coordinator'), signing: PairSchema }, { additionalProperties: false }),
  Type.Object(
    { ...frame, kind: Type.Literal('participant'), identity: PairSchema, release: PairSchema },
    { additionalProperties: false },
  ),
]);

/** A coordinator's keys: Ed25519, signs manifests and commands. */
export interface CoordinatorKeys {
  readonly kind: 'coordinator';
  readonly signing: KeyPair;
}

/** A participant's keys: Ed25519, signs joins and updates; X-Wing, opens releases. */
export interface ParticipantKeys {
  readonly kind: 'participant';
  readonly identity: KeyPair;
  readonly release: KeyPair;
}

/** What a key file holds. */
export type Keys = CoordinatorKeys | ParticipantKeys;

/** Fresh keys for a coordinator. */
export function generateCoordinatorKeys(crypto: CryptoPort): CoordinatorKeys {
  return { kind: 'coordinator', signing: crypto.ed25519Generate() };
}

/** Fresh keys for a participant. */
export function generateParticipantKeys(crypto: CryptoPort): ParticipantKeys {
  return { kind: 'participant', identity: crypto.ed25519Generate(), release: crypto.xWing.generate() };
}

/** The key file of `keys`: JSON, two-space indent, final newline. Holds secrets: mode 0600. */
export function encodeKeyFile(keys: Keys): Uint8Array {
  const file: Static<typeof KeyFileSchema> =
    keys.kind === 'coordinator'
      ? { format: 'cloister-key', version: 1, kind: 'coordinator', signing: encodePair(keys.signing) }
      : {
          format: 'cloister-key',
          version: 1,
          kind: 'participant',
          identity: encodePair(keys.identity),
          release: encodePair(keys.release),
        };
  return utf8(`${JSON.stringify(file, undefined, 2)}\n`);
}

/**
 * The keys of a key file; every public key is proved to belong to its secret key.
 * @throws Fault `KEY_FILE_INVALID`, which quotes nothing of the file.
 */
export function decodeKeyFile(bytes: Uint8Array, crypto: CryptoPort): Keys {
  const file = decodeJson(KeyFileSchema, bytes, KEY_FILE_BYTES_MAX);
  if (file === undefined) throw invalid('expected a key file of version 1, as `cloister keygen` writes it');
  if (file.kind === 'coordinator') return { kind: 'coordinator', signing: signingPair(file.signing, crypto) };
  return {
    kind: 'participant',
    identity: signingPair(file.identity, crypto),
    release: releasePair(file.release, crypto),
  };
}

type EncodedPair = Static<typeof PairSchema>;

function encodePair({ publicKey, secretKey }: KeyPair): EncodedPair {
  return { publicKey: toBase64(publicKey), secretKey: toBase64(secretKey) };
}

function signingPair(encoded: EncodedPair, crypto: CryptoPort): KeyPair {
  const pair = decodePair(encoded, 32, 32);
  if (!equalBytes(crypto.ed25519PublicKey(pair.secretKey), pair.publicKey)) throw mismatched();
  return pair;
}

/** A KEM has no "public key of"; a key that opens what was encapsulated to the other belongs to it. */
function releasePair(encoded: EncodedPair, crypto: CryptoPort): KeyPair {
  const kem = crypto.xWing;
  const pair = decodePair(encoded, kem.publicKeyBytes, kem.secretKeyBytes);
  if (!belong(pair, kem)) throw mismatched();
  return pair;
}

function belong({ publicKey, secretKey }: KeyPair, kem: Kem): boolean {
  try {
    const { encapsulated, sharedSecret } = kem.encapsulate(publicKey);
    return equalBytes(kem.decapsulate(encapsulated, secretKey), sharedSecret);
  } catch {
    // The port throws for a malformed public key, which belongs to no secret key.
    return false;
  }
}

function decodePair(encoded: EncodedPair, publicKeyBytes: number, secretKeyBytes: number): KeyPair {
  const publicKey = fromBase64(encoded.publicKey);
  const secretKey = fromBase64(encoded.secretKey);
  if (publicKey?.length !== publicKeyBytes || secretKey?.length !== secretKeyBytes) {
    throw invalid('a key in it has the wrong length or is not canonical base64');
  }
  return { publicKey, secretKey };
}

function mismatched(): Fault {
  return invalid('a public key in it does not belong to its secret key; restore the file from a copy');
}

function invalid(message: string): Fault {
  return new Fault('KEY_FILE_INVALID', `the key file cannot be used: ${message}`);
}
