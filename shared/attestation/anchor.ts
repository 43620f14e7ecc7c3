import { toHex } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import type { Platform } from './platforms.ts';

/**
 * A root of trust, pinned by a SHA-256 in lower-case hex: of a DER certificate for `kind` `certificate`, of a DER
 * SubjectPublicKeyInfo for `kind` `key` (a token issuer's signing key, an enrolled TPM attestation key).
 */
export interface Anchor {
  readonly kind: 'certificate' | 'key';
  readonly name: string;
  readonly platform: Platform;
  readonly sha256: string;
  /** True where no hardware vendor and no enrolment stands behind it: all that rests on it is shown as EMULATED. */
  readonly emulated: boolean;
}

/** A certificate's fingerprint, and the anchor that pins it where there is one. */
export interface Pin {
  readonly sha256: string;
  readonly anchor: Anchor | undefined;
}

/** Whether one of `anchors` pins a DER certificate for `platform`. */
export function pinOf(
  der: Uint8Array,
  platform: Platform,
  { anchors, crypto }: { readonly anchors: readonly Anchor[]; readonly crypto: Pick<CryptoPort, 'digest'> },
): Pin {
  const sha256 = toHex(crypto.digest('sha256', der));
  return { sha256, anchor: findAnchor(anchors, { kind: 'certificate', platform, sha256 }) };
}

/** The first anchor of that kind and platform with this fingerprint (lower-case hex). */
export function findAnchor(
  anchors: readonly Anchor[],
  wanted: Pick<Anchor, 'kind' | 'platform' | 'sha256'>,
): Anchor | undefined {
  return anchors.find(
    ({ kind, platform, sha256 }) => kind === wanted.kind && platform === wanted.platform && sha256 === wanted.sha256,
  );
}
