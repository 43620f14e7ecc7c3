import { type Json, mintToken, type TokenDefects, type TokenKey } from '#infra/emulator/tokens/jws.ts';
import { keySet, pinOf, publicJwk } from '#infra/emulator/tokens/key-set.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

/** 2026-11-22T12:00:00Z, the time of every test that does not name its own. */
export const NOW_MS = Date.UTC(2026, 10, 22, 12);
export const NOW_S = NOW_MS / 1000;
export const KEY_ID = 'key-1';

/** Everything that a test may bend when it has a token verified. */
export interface Bent {
  readonly header?: Json;
  readonly defects?: TokenDefects;
  readonly endorsements?: readonly Endorsement[];
  readonly anchors?: readonly Anchor[];
  readonly atMs?: number;
}

/** Verifies a token of `payload` under `key`, pinned and at hand unless the test says otherwise. */
export function verifyToken(platform: Platform, key: TokenKey, payload: Json, bent: Bent = {}): Promise<Verification> {
  const { header = { typ: 'JWT', kid: KEY_ID }, defects = {}, atMs = NOW_MS } = bent;
  const document = mintToken(key, header, payload, defects);
  return verifyDocument(platform, document, {
    endorsements: bent.endorsements ?? [keySet(publicJwk(key, { kid: KEY_ID }))],
    anchors: bent.anchors ?? [pinOf(key, platform)],
    atMs,
  });
}

/** Verifies a token as it is. */
export function verifyDocument(
  platform: Platform,
  document: Uint8Array,
  { endorsements = [], anchors = [], atMs = NOW_MS }: Pick<Bent, 'endorsements' | 'anchors' | 'atMs'>,
): Promise<Verification> {
  return verifyEvidence({ platform, document, endorsements }, { anchors, atMs, crypto: nodeCrypto });
}

/** The codes of a refusal, in their order; none of what was verified. */
export function codes(result: Verification): readonly string[] {
  return result.kind === 'refused' ? result.reasons.map(({ code }) => code) : [];
}

/** Times of a token that was issued a minute ago and lasts for an hour. */
export const TIMES = { iat: NOW_S - 60, nbf: NOW_S - 60, exp: NOW_S + 3540 } as const;
