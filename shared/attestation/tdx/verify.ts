import { intelRoots } from '../dcap/anchors.ts';
import { parseTdQuote } from '../dcap/quote.ts';
import { verifyQuote } from '../dcap/verify-quote.ts';
import type { Endorsement } from '../evidence.ts';
import { attempt } from '../malformed.ts';
import type { PlatformVerifier } from '../platform.ts';
import type { Verification, VerificationContext } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import { TDX_VOCABULARY, tdClaims } from './claims.ts';

/**
 * Verifies a TDX quote (version 4, or 5 with a TD report of TDX 1.0 or 1.5) with the endorsements that came with it,
 * under the roots of `intel-tdx`. Also for platforms whose evidence has such a quote as one of its parts.
 */
export async function verifyTdQuote(
  document: Uint8Array,
  endorsements: readonly Endorsement[],
  context: VerificationContext,
): Promise<Verification> {
  const parsed = attempt(() => parseTdQuote(document));
  if (parsed.kind === 'refused') return refusedFor(parsed.reason);
  const quote = parsed.value;
  const under = { ...context, platform: 'intel-tdx', td: quote.report } as const;
  const { reasons, basis } = await verifyQuote(quote, endorsements, under);
  if (basis === undefined) return refusedFor(...reasons);
  const claims = tdClaims(quote, basis);
  return reasons.length === 0 ? { kind: 'verified', claims } : { kind: 'refused', reasons, claims };
}

/** Intel Trust Domain Extensions. */
export const intelTdx: PlatformVerifier = {
  title: 'Intel TDX',
  verify: ({ document, endorsements }, context) => verifyTdQuote(document, endorsements, context),
  anchors: intelRoots('intel-tdx'),
  vocabulary: TDX_VOCABULARY,
  reportDataBytes: 64,
};
