import type { CryptoPort, Kem } from '../crypto/port.ts';
import type { HpkeSealed } from './seal.ts';
import { type HpkeContext, keySchedule } from './suite.ts';

/** The receiver's own key and what the sender sent beside the key. */
export interface ReceiverKey {
  readonly secretKey: Uint8Array;
  readonly info: Uint8Array;
}

/** SetupBaseR (RFC 9180 section 5.1.1), or `undefined` when the peer's `encapsulated` key is malformed. */
export function setupReceiver(
  kem: Kem,
  encapsulated: Uint8Array,
  receiver: ReceiverKey,
  crypto: CryptoPort,
): HpkeContext | undefined {
  const sharedSecret = decapsulate(kem, encapsulated, receiver.secretKey);
  return sharedSecret === undefined ? undefined : keySchedule(kem, sharedSecret, receiver.info, crypto);
}

/** OpenBase (RFC 9180 section 6.1): the plaintext, or `undefined` for whatever does not open, whatever the cause. */
export async function open(
  kem: Kem,
  message: HpkeSealed & { readonly aad: Uint8Array },
  receiver: ReceiverKey,
  crypto: CryptoPort,
): Promise<Uint8Array | undefined> {
  const context = setupReceiver(kem, message.encapsulated, receiver, crypto);
  if (context === undefined) return undefined;
  const plaintext = await crypto.aesGcmOpen(context.key, context.nonce, message.aad, message.sealed);
  context.wipe();
  return plaintext;
}

function decapsulate(kem: Kem, encapsulated: Uint8Array, secretKey: Uint8Array): Uint8Array | undefined {
  if (secretKey.length !== kem.secretKeyBytes) {
    throw new RangeError(`secret key has ${secretKey.length} bytes, expected ${kem.secretKeyBytes}`);
  }
  try {
    return kem.decapsulate(encapsulated, secretKey);
  } catch {
    // Our own key has the right size, so what the KEM refuses is the peer's encapsulated key.
    return undefined;
  }
}
