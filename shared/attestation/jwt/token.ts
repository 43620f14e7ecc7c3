import { toHex } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { Claims } from '../claims.ts';
import type { Evidence } from '../evidence.ts';
import type { JsonObject } from '../json.ts';
import { attempt } from '../malformed.ts';
import type { Platform } from '../platforms.ts';
import type { Reason } from '../reasons.ts';
import type { EvidenceVerifier, VerificationContext } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import { shownText } from './attributes.ts';
import type { Jws, JwsAlgorithm } from './jws.ts';
import { allowedAlgorithm, JWS_ALGORITHMS, parseJws } from './jws.ts';
import type { Signer } from './signer.ts';
import { findSigner } from './signer.ts';
import type { TokenTimes } from './validity.ts';
import { readTimes, timeReasons } from './validity.ts';

/** What a payload says of its attester, in the terms of all platforms. */
export type TokenClaims = Pick<
  Claims,
  'measurements' | 'debug' | 'attributes' | 'levels' | 'tcb' | 'reportData' | 'nonce'
>;

/** What tells one issuer's tokens from another's. */
export interface TokenProfile {
  readonly platform: Platform;
  readonly algorithms: readonly JwsAlgorithm[];
  /** Whether a certificate chain in the header counts, up to a pinned root; else only pinned keys do. */
  readonly chains: 'x5c' | 'none';
  readonly expiry: 'required' | 'optional';
  /** What is wrong with the issuer that the payload names. */
  readonly issuerReasons: (payload: JsonObject) => readonly Reason[];
  /** Reads the claims. Throws `MalformedInput` where one is not what the issuer's documentation says. */
  readonly read: (payload: JsonObject) => TokenClaims;
}

/**
 * The verifier of one issuer's tokens: strict JWS, an algorithm of the profile's list, a pinned key or a chain to a
 * pinned root, issuer and times. Every failure is listed.
 */
export function tokenVerifier(profile: TokenProfile): EvidenceVerifier {
  return async (evidence, context) => {
    const misplaced = endorsementReasons(profile, evidence);
    if (misplaced.length > 0) return refusedFor(...misplaced);
    const token = attempt(() => parseJws(evidence.document));
    if (token.kind === 'refused') return refusedFor(token.reason);
    return verifyParsed(token.value, profile, evidence, context);
  };
}

async function verifyParsed(token: Jws, profile: TokenProfile, evidence: Evidence, context: VerificationContext) {
  const { payload } = token;
  const algorithm = allowedAlgorithm(token.algorithm, profile.algorithms);
  const times = attempt(() => readTimes(payload, profile.expiry));
  const claimed = attempt(() => profile.read(payload));
  const signer = await findSigner(token, algorithm, { profile, evidence, context });
  const signature = await verifySignature(token, algorithm, signer, context);
  const reasons = [
    ...algorithmReasons(token, algorithm, profile),
    ...signer.reasons,
    ...signature.reasons,
    ...profile.issuerReasons(payload),
    ...(times.kind === 'parsed' ? timeReasons(times.value, context.atMs) : [times.reason]),
    ...(claimed.kind === 'parsed' ? [] : [claimed.reason]),
  ];
  const { anchor } = signature;
  if (anchor === undefined || times.kind === 'refused' || claimed.kind === 'refused') return refusedFor(...reasons);
  const claims = claimsOf(token, { read: claimed.value, times: times.value, signer, anchor }, context);
  return reasons.length === 0 ? { kind: 'verified' as const, claims } : { kind: 'refused' as const, reasons, claims };
}

function endorsementReasons({ chains }: TokenProfile, { endorsements }: Evidence): readonly Reason[] {
  const allowed: readonly string[] = chains === 'x5c' ? ['jwk-set', 'certificate'] : ['jwk-set'];
  return endorsements
    .filter(({ kind }) => !allowed.includes(kind))
    .map(({ kind }) => ({
      code: 'MALFORMED',
      detail: 'an endorsement that has no place next to this token',
      found: kind,
      wanted: allowed.join(' or '),
    }));
}

function algorithmReasons(
  token: Jws,
  algorithm: JwsAlgorithm | undefined,
  { algorithms }: TokenProfile,
): readonly Reason[] {
  if (algorithm !== undefined) return [];
  const found = shownText(token.algorithm);
  const detail = 'the token names an algorithm that its issuer does not use';
  return [{ code: 'ALG_NOT_ALLOWED', detail, found, wanted: algorithms.join(' or ') }];
}

/** The anchor behind the key that verifies; where none does, one that should have, for explanation. */
async function verifySignature(
  { signature, signedBytes }: Jws,
  algorithm: JwsAlgorithm | undefined,
  { keys, anchor }: Signer,
  { crypto }: VerificationContext,
): Promise<{ readonly anchor: Anchor | undefined; readonly reasons: readonly Reason[] }> {
  // A foreign algorithm is not tried, and without a key there is nothing to try.
  if (algorithm === undefined || keys.length === 0) return { anchor, reasons: [] };
  const { scheme, signatureBytes = signature.length } = JWS_ALGORITHMS[algorithm];
  if (signature.length === signatureBytes) {
    for (const key of keys) {
      if (await crypto.verifyCertificateSignature(scheme, key.spki, signature, signedBytes)) {
        return { anchor: key.anchor ?? anchor, reasons: [] };
      }
    }
  }
  return {
    anchor,
    reasons: [{ code: 'SIGNATURE_INVALID', detail: 'the token is not signed by the key of its issuer' }],
  };
}

interface Verified {
  readonly read: TokenClaims;
  readonly times: TokenTimes;
  readonly signer: Signer;
  readonly anchor: Anchor;
}

function claimsOf(token: Jws, { read, times, signer, anchor }: Verified, { crypto }: VerificationContext): Claims {
  const { name, platform, sha256, emulated } = anchor;
  return {
    platform,
    ...read,
    concerns: [],
    issuedAtMs: times.issuedAtMs,
    validFromMs: Math.max(times.notBeforeMs, signer.validFromMs),
    // The last second at which it may be accepted.
    validUntilMs: Math.min(times.expiresMs - 1000, signer.validUntilMs),
    root: { name, platform, sha256, emulated },
    checks: [
      'JWS compact serialization, its algorithm among those of the issuer, no critical header parameter',
      signer.check,
      'signature over header and payload',
      'issuer, time of issue, not before, expiry',
    ],
    details: {
      ...signer.details,
      algorithm: shownText(token.algorithm),
      contentSha256: toHex(crypto.digest('sha256', token.signedBytes)),
    },
  };
}
