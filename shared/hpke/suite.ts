/**
 * The HPKE suite of the protocol (RFC 9180): base mode, HKDF-SHA256, AES-256-GCM, and one of two KEMs.
 */
import { concat, EMPTY, utf8 } from '../bytes/bytes.ts';
import type { CryptoPort, Kem } from '../crypto/port.ts';

/** KEM id of X-Wing, the one that version 1 offers. */
export const KEM_X_WING = 0x647a;
/** KEM id of DHKEM(X25519, HKDF-SHA256) (RFC 9180 section 7.1), for peers without X-Wing. */
export const KEM_X25519 = 0x0020;

const KDF_HKDF_SHA256 = 0x0001;
const AEAD_AES_256_GCM = 0x0002;
const MODE_BASE = Uint8Array.of(0x00);
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const EXPORTER_SECRET_BYTES = 32;
const VERSION = utf8('HPKE-v1');

/** A HPKE context in base mode. `wipe` it when the last secret has been taken from it. */
export interface HpkeContext {
  /** AES-256-GCM key and nonce of the first and only message (sequence number 0). */
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  /** Secret export, RFC 9180 section 5.3: `lengthBytes` bytes that belong to `label` alone. */
  exportSecret(label: string | Uint8Array, lengthBytes: number): Uint8Array;
  wipe(): void;
}

/** The KEM with this id, or `undefined` when it is neither of the two. */
export function kemOf(id: number, crypto: CryptoPort): Kem | undefined {
  if (id === KEM_X_WING) return crypto.xWing;
  return id === KEM_X25519 ? crypto.x25519 : undefined;
}

/** KeySchedule of RFC 9180 section 5.1 in base mode; takes over and wipes `sharedSecret`. */
export function keySchedule(kem: Kem, sharedSecret: Uint8Array, info: Uint8Array, crypto: CryptoPort): HpkeContext {
  const suiteId = concat(utf8('HPKE'), u16(kem.id), u16(KDF_HKDF_SHA256), u16(AEAD_AES_256_GCM));

  function labeledExtract(salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
    return crypto.hkdfExtract(salt, concat(VERSION, suiteId, utf8(label), ikm));
  }
  function labeledExpand(prk: Uint8Array, label: string, context: Uint8Array, lengthBytes: number): Uint8Array {
    return crypto.hkdfExpand(prk, concat(u16(lengthBytes), VERSION, suiteId, utf8(label), context), lengthBytes);
  }

  const context = concat(
    MODE_BASE,
    labeledExtract(EMPTY, 'psk_id_hash', EMPTY),
    labeledExtract(EMPTY, 'info_hash', info),
  );
  const secret = labeledExtract(sharedSecret, 'secret', EMPTY);
  const key = labeledExpand(secret, 'key', context, KEY_BYTES);
  const nonce = labeledExpand(secret, 'base_nonce', context, NONCE_BYTES);
  const exporterSecret = labeledExpand(secret, 'exp', context, EXPORTER_SECRET_BYTES);
  secret.fill(0);
  sharedSecret.fill(0);
  return {
    key,
    nonce,
    exportSecret(label, lengthBytes) {
      return labeledExpand(exporterSecret, 'sec', typeof label === 'string' ? utf8(label) : label, lengthBytes);
    },
    wipe() {
      for (const bytes of [key, nonce, exporterSecret]) bytes.fill(0);
    },
  };
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}
