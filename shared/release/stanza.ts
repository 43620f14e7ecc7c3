/**
 * Stanzas: the content key of a release, wrapped for each recipient.
 */
import { type Static, Type } from '@sinclair/typebox';
import { lengthPrefixed, u32be, utf8 } from '../bytes/bytes.ts';
import { bytesOf, decodeMsgpack, exactly } from '../codec/msgpack.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { hpkeInfo } from '../hpke/info.ts';
import { open } from '../hpke/open.ts';
import { seal } from '../hpke/seal.ts';
import { KEM_X_WING } from '../hpke/suite.ts';
import { type ReleasePlace, STANZAS_BYTES_MAX } from './body.ts';

const StanzaSchema = exactly({
  recipient: Type.String({ minLength: 1, maxLength: 64 }),
  kem: Type.Integer({ minimum: 0, maximum: 0xffff }),
  encapsulated: bytesOf(1120),
  wrappedKey: bytesOf(48),
});
const StanzasSchema = Type.Array(StanzaSchema);

/** One recipient's wrapped content key. */
export type Stanza = Readonly<Static<typeof StanzaSchema>>;

/** Someone a release is sealed to: the id in the manifest and the X-Wing release key. */
export interface Recipient {
  readonly id: string;
  readonly releaseKey: Uint8Array;
}

/** Wraps `contentKey` for one recipient. Throws `RangeError` when the release key is malformed. */
export async function sealStanza(
  recipient: Recipient,
  contentKey: Uint8Array,
  place: ReleasePlace,
  crypto: CryptoPort,
): Promise<Stanza> {
  const { encapsulated, sealed } = await seal(
    crypto.xWing,
    {
      publicKey: recipient.releaseKey,
      info: infoOf(place),
      aad: aadOf(place, recipient.id),
      plaintext: contentKey,
    },
    crypto,
  );
  return { recipient: recipient.id, kem: KEM_X_WING, encapsulated, wrappedKey: sealed };
}

/** The content key in `stanza`, or `undefined` when it was not wrapped for this key and place. */
export async function openStanza(
  stanza: Stanza,
  secretKey: Uint8Array,
  place: ReleasePlace,
  crypto: CryptoPort,
): Promise<Uint8Array | undefined> {
  if (stanza.kem !== KEM_X_WING) return undefined;
  const { encapsulated, wrappedKey: sealed, recipient } = stanza;
  const message = { encapsulated, sealed, aad: aadOf(place, recipient) };
  return open(crypto.xWing, message, { secretKey, info: infoOf(place) }, crypto);
}

/** The stanzas in `bytes`, or `undefined` when they are malformed or name a recipient twice. */
export function decodeStanzas(bytes: Uint8Array): readonly Stanza[] | undefined {
  const stanzas = decodeMsgpack(StanzasSchema, bytes, STANZAS_BYTES_MAX);
  if (stanzas === undefined) return undefined;
  return new Set(stanzas.map(({ recipient }) => recipient)).size === stanzas.length ? stanzas : undefined;
}

function infoOf(place: ReleasePlace): Uint8Array {
  return hpkeInfo('release', { sender: 'enclave', receiver: 'recipient' }, place.manifestDigest);
}

function aadOf(place: ReleasePlace, recipient: string): Uint8Array {
  return lengthPrefixed(utf8('release'), u32be(place.round), utf8(recipient));
}
