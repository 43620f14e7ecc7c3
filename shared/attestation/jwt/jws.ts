import { fromBase64Url } from '../../bytes/base64url.ts';
import { textOf } from '../../bytes/bytes.ts';
import type { CertificateSignature } from '../../crypto/port.ts';
import { EVIDENCE_LIMITS } from '../evidence.ts';
import type { JsonObject } from '../json.ts';
import { memberOf, parseJsonObject, textOfMember } from '../json.ts';
import { malformed } from '../malformed.ts';

/** A JSON Web Signature whose payload is a claims set (RFC 7519). Nothing in it is trusted yet. */
export interface Jws {
  readonly header: JsonObject;
  /** `alg` as the header states it. Not judged here. */
  readonly algorithm: string;
  readonly payload: JsonObject;
  /** The bytes that are signed, a view of the token. */
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** Tokens with a certificate chain have some 12 KiB, those with the event log of a guest up to all that evidence may. */
export const TOKEN_BYTES_MAX: number = EVIDENCE_LIMITS.documentBytes;

/** Algorithms that a profile may allow. `none` and HMAC are not among them: a public key is never a secret. */
export type JwsAlgorithm = 'RS256' | 'PS384' | 'ES256' | 'ES384';

/** How signatures of one algorithm are verified. */
export interface JwsScheme {
  /** The only kind of key that it takes, so that no key serves an algorithm that it was not made for. */
  readonly key: 'rsa' | 'p256' | 'p384';
  readonly scheme: CertificateSignature;
  /** Length of R and S; of an RSA signature the key decides. */
  readonly signatureBytes?: number;
}

/** RFC 7518 sections 3.3 to 3.5. */
export const JWS_ALGORITHMS: Readonly<Record<JwsAlgorithm, JwsScheme>> = {
  RS256: { key: 'rsa', scheme: { kind: 'rsa-pkcs1', hash: 'sha256' } },
  PS384: { key: 'rsa', scheme: { kind: 'rsa-pss', hash: 'sha384', saltBytes: 48 } },
  ES256: { key: 'p256', scheme: { kind: 'ecdsa', hash: 'sha256', encoding: 'raw' }, signatureBytes: 64 },
  ES384: { key: 'p384', scheme: { kind: 'ecdsa', hash: 'sha384', encoding: 'raw' }, signatureBytes: 96 },
};

/**
 * Parses the compact serialization (RFC 7515 section 7.1): three parts of canonical base64url, header and payload JSON
 * objects. A token with critical header parameters is refused, for none is understood (section 4.1.11). Throws
 * `MalformedInput`.
 */
export function parseJws(token: Uint8Array): Jws {
  if (token.length > TOKEN_BYTES_MAX) malformed(`token of ${token.length} bytes; at most ${TOKEN_BYTES_MAX}`);
  const text = textOf(token) ?? malformed('token that is not UTF-8');
  const [header64, payload64, signature64, ...others] = text.split('.', 4);
  if (header64 === undefined || payload64 === undefined || signature64 === undefined || others.length > 0) {
    return malformed('token that does not have the three parts of a signed one');
  }
  const header = parseJsonObject(decoded(header64, 'header'), 'token header');
  if (memberOf(header, 'crit') !== undefined) malformed('token header with critical parameters');
  return {
    header,
    algorithm: textOfMember(header, 'alg') ?? malformed('token header without an algorithm'),
    payload: parseJsonObject(decoded(payload64, 'payload'), 'token payload'),
    // Both parts are ASCII by now, so characters count as bytes.
    signedBytes: token.subarray(0, header64.length + 1 + payload64.length),
    signature: decoded(signature64, 'signature'),
  };
}

/** The algorithm if the table and `allowed` name it. */
export function allowedAlgorithm(name: string, allowed: readonly JwsAlgorithm[]): JwsAlgorithm | undefined {
  return allowed.find((each) => each === name);
}

function decoded(part: string, what: string): Uint8Array {
  return fromBase64Url(part) ?? malformed(`token ${what} is not canonical base64url`);
}
