import type { Anchor } from '#shared/attestation/anchor.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import type { Claims } from '#shared/attestation/claims.ts';
import type { Evidence } from '#shared/attestation/evidence.ts';
import type { PlatformVerifier } from '#shared/attestation/platform.ts';
import { isPlatform, PLATFORM_VERIFIERS, PLATFORMS, type Platform } from '#shared/attestation/platforms.ts';
import type { Reason } from '#shared/attestation/reasons.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';

/** What evidence says of itself, and what would speak against it at the time of looking. None of it is proved. */
export interface ShownClaims {
  readonly claims: Claims | undefined;
  readonly reasons: readonly Reason[];
  /** The root or key that no policy and no vendor vouches for, where the claims rest on one. */
  readonly unvouched: Pick<Anchor, 'kind' | 'platform' | 'sha256'> | undefined;
}

const FINGERPRINT = /^[0-9a-f]{64}$/;

/**
 * Reads evidence to show it, whoever's root it ends in: claims are given where the document can be parsed. Nothing may
 * be decided by them.
 */
export async function shownClaims(evidence: Evidence, atMs: number, crypto: CryptoPort): Promise<ShownClaims> {
  const verification = await verifyEvidence(evidence, { anchors: VENDOR_ANCHORS, atMs, crypto });
  const reasons = verification.kind === 'refused' ? verification.reasons : [];
  if (verification.claims !== undefined) return { claims: verification.claims, reasons, unvouched: undefined };
  const unknown = reasons.flatMap(unknownRoots);
  const { claims } = await verifyEvidence(evidence, { anchors: [...VENDOR_ANCHORS, ...unknown], atMs, crypto });
  const root = claims?.root;
  const unvouched = unknown.find(({ platform, sha256 }) => platform === root?.platform && sha256 === root.sha256);
  return { claims, reasons, unvouched };
}

/** The root or key that a refusal names as unknown, so that the verifier goes on and says what lies under it. */
function unknownRoots({ code, found }: Reason): readonly Anchor[] {
  if ((code !== 'CHAIN_UNTRUSTED_ROOT' && code !== 'KEY_UNKNOWN') || found === undefined || !FINGERPRINT.test(found)) {
    return [];
  }
  const kind = code === 'KEY_UNKNOWN' ? 'key' : 'certificate';
  return PLATFORMS.filter(isPlatform).map((platform) => ({
    kind,
    platform,
    name: `a ${kind === 'key' ? 'key' : 'root'} that nobody vouches for`,
    sha256: found,
    // Hardware whose vendor's roots are built in has no other: what rests on another one is an emulator's.
    emulated: kind === 'certificate' && verifierOf(platform).anchors.length > 0,
  }));
}

function verifierOf(platform: Platform): PlatformVerifier {
  return PLATFORM_VERIFIERS[platform];
}
