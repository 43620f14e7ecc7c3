import { textOf } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { openSignedStudy } from '#shared/study/signed-study.ts';
import { readStudy, type Study } from '#shared/study/study.ts';

/** A study from its file; `signed` tells whether the coordinator's signature was there and held. */
export interface LoadedStudy {
  readonly study: Study;
  readonly signed: boolean;
}

/** Whether `bytes` are meant as a signed manifest (a DSSE envelope) rather than a plain one. */
export function isEnvelope(bytes: Uint8Array): boolean {
  return bytes[0] === '{'.charCodeAt(0) && (textOf(bytes.subarray(0, 15)) ?? '') === '{"payloadType":';
}

/** Reads a manifest file, plain or signed. @throws Fault `MANIFEST_INVALID`, `MANIFEST_SIGNATURE_INVALID` */
export function loadStudy(bytes: Uint8Array, crypto: CryptoPort): LoadedStudy {
  if (isEnvelope(bytes)) return { study: openSignedStudy(bytes, crypto), signed: true };
  return { study: readStudy(bytes, crypto), signed: false };
}
