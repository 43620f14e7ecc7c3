import { createHash } from 'node:crypto';
import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import type { Json, TokenKey } from './jws.ts';

/** The key as its service publishes it (RFC 7517); `members` adds and replaces. */
export function publicJwk({ publicKey, algorithm }: TokenKey, members: Json = {}): Json {
  return { ...publicKey.export({ format: 'jwk' }), alg: algorithm, use: 'sig', ...members };
}

/** A key set as it travels with a token. */
export function keySet(...keys: readonly Json[]): Endorsement {
  return { kind: 'jwk-set', bytes: utf8(JSON.stringify({ keys })) };
}

/** What a policy names to accept tokens of this key. */
export function pinOf({ publicKey }: Pick<TokenKey, 'publicKey'>, platform: Anchor['platform']): Anchor {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const sha256 = createHash('sha256').update(spki).digest('hex');
  return { kind: 'key', name: 'EMULATED token service', platform, sha256, emulated: true };
}
