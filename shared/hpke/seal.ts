import type { CryptoPort, Kem } from '../crypto/port.ts';
import { type HpkeContext, keySchedule } from './suite.ts';

/** A sender's side: the encapsulated key to send and the context behind it. */
export interface SenderSetup {
  readonly encapsulated: Uint8Array;
  readonly context: HpkeContext;
}

/** What a single-shot seal gives. `sealed` is 16 bytes longer than the plaintext. */
export interface HpkeSealed {
  readonly encapsulated: Uint8Array;
  readonly sealed: Uint8Array;
}

/** SetupBaseS (RFC 9180 section 5.1.1). Throws when `publicKey` is malformed. */
export function setupSender(kem: Kem, publicKey: Uint8Array, info: Uint8Array, crypto: CryptoPort): SenderSetup {
  const { encapsulated, sharedSecret } = kem.encapsulate(publicKey);
  return { encapsulated, context: keySchedule(kem, sharedSecret, info, crypto) };
}

/** One message to one key. */
export interface Message {
  readonly publicKey: Uint8Array;
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  readonly plaintext: Uint8Array;
}

/** SealBase (RFC 9180 section 6.1): every call has a key of its own. Throws when `publicKey` is malformed. */
export async function seal(kem: Kem, message: Message, crypto: CryptoPort): Promise<HpkeSealed> {
  const { encapsulated, context } = setupSender(kem, message.publicKey, message.info, crypto);
  const sealed = await crypto.aesGcmSeal(context.key, context.nonce, message.aad, message.plaintext);
  context.wipe();
  return { encapsulated, sealed };
}
