import { fromBase64Url } from '../../bytes/base64url.ts';
import { concat, toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import { findAnchor } from '../anchor.ts';
import { DerReader, TAG } from '../der/reader.ts';
import type { Evidence } from '../evidence.ts';
import type { JsonObject } from '../json.ts';
import { isJsonObject, memberOf, parseJsonObject, textOfMember, textsOfMember } from '../json.ts';
import { malformed } from '../malformed.ts';
import type { VerificationContext } from '../verification.ts';
import type { SubjectKey } from '../x509/algorithms.ts';
import { readSubjectKey } from '../x509/algorithms.ts';
import { ecSpki, rsaSpki } from '../x509/spki.ts';
import type { Jws, JwsAlgorithm } from './jws.ts';
import { JWS_ALGORITHMS } from './jws.ts';
import { isKeyFor, leafKeyOf } from './x5c.ts';

/** A key that a policy vouches for. */
export interface PinnedKey {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly anchor: Anchor;
}

/** Keys that came with a token, and those of them that may verify it. */
export interface KeyChoice {
  readonly pinned: readonly PinnedKey[];
  /** SHA-256 of every key that the token could mean, lower-case hex, each once. */
  readonly offered: readonly string[];
}

/** No issuer's key set comes near. */
const KEYS_MAX = 64;

const CURVES = { p256: { crv: 'P-256', bytes: 32 }, p384: { crv: 'P-384', bytes: 48 } } as const;

/**
 * The keys that may verify a token: of the `jwk-set` endorsements those with the token's key id and made for its
 * algorithm, and of these the ones whose SubjectPublicKeyInfo is pinned. A key id is a hint of the issuer's and several
 * keys may share one; a token without one may mean any. Keys in the token itself are not looked at.
 * Throws `MalformedInput` for an endorsement that is no key set.
 */
export function pinnedKeys(
  token: Pick<Jws, 'header'>,
  algorithm: JwsAlgorithm,
  { endorsements, platform }: Evidence,
  { anchors, crypto }: Pick<VerificationContext, 'anchors' | 'crypto'>,
): KeyChoice {
  const wanted = memberOf(token.header, 'kid');
  const candidates = endorsements
    .filter(({ kind }) => kind === 'jwk-set')
    .flatMap(({ bytes }) => readKeySet(bytes))
    .filter((jwk) => wanted === undefined || memberOf(jwk, 'kid') === wanted);
  const bySha256 = new Map<string, Uint8Array>();
  for (const jwk of candidates) {
    const spki = suits(jwk, algorithm) ? spkiOf(jwk, algorithm) : undefined;
    if (spki !== undefined) bySha256.set(toHex(crypto.digest('sha256', spki)), spki);
  }
  const pinned = [...bySha256].flatMap(([sha256, spki]): readonly PinnedKey[] => {
    const anchor = findAnchor(anchors, { kind: 'key', platform, sha256 });
    return anchor === undefined ? [] : [{ spki, anchor }];
  });
  return { pinned, offered: [...bySha256.keys()] };
}

/** The keys of a JWK Set (RFC 7517 section 5). Throws `MalformedInput`. */
function readKeySet(bytes: Uint8Array): readonly JsonObject[] {
  const keys = memberOf(parseJsonObject(bytes, 'key set'), 'keys');
  if (!Array.isArray(keys) || keys.length > KEYS_MAX)
    return malformed(`key set that lists no keys or over ${KEYS_MAX}`);
  const listed: readonly unknown[] = keys;
  return listed.map((key) => (isJsonObject(key) ? key : malformed('key set with an entry that is no object')));
}

/**
 * DER SubjectPublicKeyInfo of a JWK (RFC 7518 section 6) that is of the kind that `algorithm` takes, from its own
 * members or else from the certificate that it carries (RFC 7517 section 4.7); `undefined` for any other key, for one
 * that is malformed and for RSA below 2048 bits.
 */
export function spkiOf(jwk: JsonObject, algorithm: JwsAlgorithm): Uint8Array | undefined {
  const { key } = JWS_ALGORITHMS[algorithm];
  if (memberOf(jwk, 'kty') !== (key === 'rsa' ? 'RSA' : 'EC')) return undefined;
  if (memberOf(jwk, key === 'rsa' ? 'n' : 'x') === undefined) return leafKeyOf(memberOf(jwk, 'x5c'), key);
  return key === 'rsa' ? rsaKey(jwk) : ecKey(jwk, key);
}

function rsaKey(jwk: JsonObject): Uint8Array | undefined {
  const modulus = bytesOf(jwk, 'n');
  const exponent = bytesOf(jwk, 'e');
  if (modulus === undefined || exponent === undefined) return undefined;
  const spki = rsaSpki(modulus, exponent);
  // Read back as a certificate's would be, so that one rule says how long a key must be (RFC 7518 section 3.3).
  return spki !== undefined && isKeyFor('rsa', readSpki(spki)) ? spki : undefined;
}

function readSpki(spki: Uint8Array): SubjectKey {
  return readSubjectKey(spki, new DerReader(spki, 'public key').enter(TAG.sequence));
}

function ecKey(jwk: JsonObject, curve: keyof typeof CURVES): Uint8Array | undefined {
  const { crv, bytes } = CURVES[curve];
  const [x, y] = [bytesOf(jwk, 'x'), bytesOf(jwk, 'y')];
  // RFC 7518 section 6.2.1.2: coordinates at full width.
  if (memberOf(jwk, 'crv') !== crv || x?.length !== bytes || y?.length !== bytes) return undefined;
  return ecSpki(curve, concat(x, y));
}

/** Whether what a JWK says of its own use (RFC 7517 sections 4.2 to 4.4) allows verifying with `algorithm`. */
function suits(jwk: JsonObject, algorithm: JwsAlgorithm): boolean {
  const [alg, use, operations] = ['alg', 'use', 'key_ops'].map((name) => memberOf(jwk, name));
  if (alg !== undefined && alg !== algorithm) return false;
  if (use !== undefined && use !== 'sig') return false;
  return operations === undefined || textsOfMember(jwk, 'key_ops').includes('verify');
}

function bytesOf(jwk: JsonObject, name: string): Uint8Array | undefined {
  const text = textOfMember(jwk, name);
  return text === undefined ? undefined : fromBase64Url(text);
}
