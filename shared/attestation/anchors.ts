import type { Anchor } from './anchor.ts';
import { PLATFORM_VERIFIERS } from './platforms.ts';

/** The vendors' roots: compiled in, so that no configuration can add to them. */
export const VENDOR_ANCHORS: readonly Anchor[] = Object.values(PLATFORM_VERIFIERS).flatMap(({ anchors }) => anchors);

/**
 * The vendors' roots, then those that any of `policies` names. A root that one policy names and another does not is
 * still refused, by appraisal: see `appraise`.
 */
export function anchorsFor(policies: readonly { readonly roots?: readonly NamedRoot[] }[]): readonly Anchor[] {
  const named = policies.flatMap((policy) => policy.roots ?? []);
  return [...VENDOR_ANCHORS, ...named.map((root) => ({ ...root, kind: root.kind ?? 'certificate' }) as const)];
}

/** A root as a policy names it: a certificate unless it says otherwise. */
type NamedRoot = Omit<Anchor, 'kind'> & { readonly kind?: Anchor['kind'] };
