import type { Endorsement, Evidence } from './evidence.ts';
import { isEndorsementKind } from './evidence.ts';
import { isPlatform } from './platforms.ts';

/** Evidence as it arrives: names that may mean nothing to this version. */
export interface ShownEvidence {
  readonly platform: string;
  readonly document: Uint8Array;
  readonly endorsements: readonly { readonly kind: string; readonly bytes: Uint8Array }[];
}

/**
 * Evidence whose names this version knows, or `undefined` when its platform is unknown. An endorsement of an unknown
 * kind is left out: it could help a newer verifier and can only be missed by this one.
 */
export function knownEvidence({ platform, document, endorsements }: ShownEvidence): Evidence | undefined {
  if (!isPlatform(platform)) return undefined;
  const known = endorsements.flatMap(({ kind, bytes }): readonly Endorsement[] =>
    isEndorsementKind(kind) ? [{ kind, bytes }] : [],
  );
  return { platform, document, endorsements: known };
}
