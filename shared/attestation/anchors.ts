import type { Anchor } from './anchor.ts';
import type { Platform } from './evidence.ts';
import { AWS_NITRO_ROOT } from './nitro/anchors.ts';

/** The vendors' roots: compiled in, so that no configuration can add to them. */
export const VENDOR_ANCHORS: readonly Anchor[] = [AWS_NITRO_ROOT];

/**
 * The vendors' roots, then those that any of `policies` names. A root that one policy names and another does not is
 * still refused, by appraisal: see `appraise`.
 */
export function anchorsFor(policies: readonly { readonly roots?: readonly Anchor[] }[]): readonly Anchor[] {
  return [...VENDOR_ANCHORS, ...policies.flatMap((policy) => policy.roots ?? [])];
}

/** The first anchor of the platform with this fingerprint (lower-case hex). */
export function findAnchor(anchors: readonly Anchor[], platform: Platform, sha256: string): Anchor | undefined {
  return anchors.find((anchor) => anchor.platform === platform && anchor.sha256 === sha256);
}
