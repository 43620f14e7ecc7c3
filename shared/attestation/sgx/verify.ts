import { intelRoots } from '../dcap/anchors.ts';
import { parseSgxQuote } from '../dcap/quote.ts';
import { verifyQuote } from '../dcap/verify-quote.ts';
import { attempt } from '../malformed.ts';
import type { PlatformVerifier } from '../platform.ts';
import type { EvidenceVerifier } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import { SGX_VOCABULARY, sgxClaims } from './claims.ts';

/** Verifies an SGX quote (version 3, 4 or 5) with the endorsements that came with it, under the roots of `intel-sgx`. */
const verifySgx: EvidenceVerifier = async ({ document, endorsements }, context) => {
  const parsed = attempt(() => parseSgxQuote(document));
  if (parsed.kind === 'refused') return refusedFor(parsed.reason);
  const quote = parsed.value;
  const under = { ...context, platform: 'intel-sgx', td: undefined } as const;
  const { reasons, basis } = await verifyQuote(quote, endorsements, under);
  if (basis === undefined) return refusedFor(...reasons);
  const claims = sgxClaims(quote, basis);
  return reasons.length === 0 ? { kind: 'verified', claims } : { kind: 'refused', reasons, claims };
};

/** Intel Software Guard Extensions, attested by DCAP. */
export const intelSgx: PlatformVerifier = {
  title: 'Intel SGX',
  verify: verifySgx,
  anchors: intelRoots('intel-sgx'),
  vocabulary: SGX_VOCABULARY,
  reportDataBytes: 64,
};
