import { equalBytes } from '../../bytes/bytes.ts';
import type { Anchor } from '../anchor.ts';
import type { Reason } from '../reasons.ts';
import type { VerificationContext } from '../verification.ts';
import type { AllowedSignature } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import { verifyChain } from '../x509/chain.ts';
import { unpinnedRootReasons } from '../x509/path.ts';
import type { LeafKind, SnpLeaf } from './certificates.ts';
import type { SnpAuthority, SnpEndorsements } from './endorsements.ts';
import { leafReasons, productOf } from './leaf-match.ts';
import type { SnpProduct } from './product.ts';
import type { SnpReport } from './report.ts';

/** The algorithm of every signature in AMD's hierarchy (AMD 57230). */
export const SNP_ALLOWED: readonly AllowedSignature[] = ['rsa-pss-sha384'];

/** The certificates that a report is to be verified by: key of the report, ASK or ASVK, ARK. */
export interface SnpChain {
  readonly leaf: SnpLeaf;
  readonly authority: SnpAuthority;
  readonly root: SnpAuthority;
}

/** A chain, or what is missing for one. */
export type ChosenChain =
  | { readonly kind: 'chosen'; readonly chain: SnpChain }
  | { readonly kind: 'missing'; readonly reasons: readonly Reason[] };

/**
 * Chooses among what came: the leaf that fits the report best, and those that the names lead to. Where no name leads
 * further, the first takes the place, so that the reason is a chain that does not hold rather than a missing one. The
 * choice gives no trust: whatever is chosen is verified.
 */
export function chooseChain(report: SnpReport, { leaves, authorities, roots }: SnpEndorsements): ChosenChain {
  const leaf = leaves.toSorted((a, b) => leafReasons(report, a).length - leafReasons(report, b).length)[0];
  const authority = issuerAmong(authorities, leaf?.certificate);
  const root = issuerAmong(roots, authority?.certificate);
  if (leaf !== undefined && authority !== undefined && root !== undefined) {
    return { kind: 'chosen', chain: { leaf, authority, root } };
  }
  const wanted = [
    ...(leaf === undefined ? [`the certificate of the ${report.signingKey}`] : []),
    ...(authority === undefined ? ["AMD's signing key (ASK or ASVK)"] : []),
    ...(root === undefined ? ["AMD's root key (ARK)"] : []),
  ];
  return {
    kind: 'missing',
    reasons: wanted.map((what) => ({ code: 'ENDORSEMENT_MISSING', detail: `${what} did not come with the report` })),
  };
}

function issuerAmong(candidates: readonly SnpAuthority[], subject: Certificate | undefined): SnpAuthority | undefined {
  const named = candidates.find(
    ({ certificate }) => subject !== undefined && equalBytes(certificate.subject, subject.issuer),
  );
  return named ?? candidates[0];
}

/** Whether a chain holds up to a pinned root, and is one for the key that signed the report. */
export async function verifySnpChain(
  report: SnpReport,
  { leaf, authority, root }: SnpChain,
  context: VerificationContext,
): Promise<{ readonly anchor: Anchor | undefined; readonly reasons: readonly Reason[] }> {
  const ders = [leaf, authority, root].map(({ certificate }) => certificate.der);
  const rules = { platform: 'amd-sev-snp', allowed: SNP_ALLOWED } as const;
  const { anchor, reasons: path } = await verifyChain(ders, rules, context);
  const unpinned = { ...context, allowed: SNP_ALLOWED };
  return {
    anchor,
    reasons: [
      ...path,
      ...roleReasons(report, { leaf, authority, root }),
      ...(anchor === undefined ? await unpinnedRootReasons(root.certificate, unpinned) : []),
    ],
  };
}

/**
 * Names bind here, because they are signed by the one above and the root is pinned: each product has a root, and under
 * it one authority over VCEKs and one over VLEKs, none of which may stand in for another.
 */
function roleReasons(report: SnpReport, { leaf, authority, root }: SnpChain): readonly Reason[] {
  const product = productOf(report, leaf);
  const reasons: Reason[] = [];
  if (root.role?.role !== 'root') {
    reasons.push({ code: 'CHAIN_INVALID', detail: 'the root certificate is not named as an AMD root key' });
  }
  const { role } = authority;
  if (role === undefined || role.role === 'root') {
    reasons.push({ code: 'CHAIN_INVALID', detail: 'the authority is not named as an AMD signing key' });
  } else if (role.role !== leaf.kind) {
    reasons.push(wrongAuthority(role.role, leaf.kind));
  }
  for (const named of [authority.role, root.role]) {
    if (named !== undefined && named.product !== product) reasons.push(otherProduct(named.product, product));
  }
  return reasons;
}

function wrongAuthority(found: LeafKind, kind: LeafKind | undefined): Reason {
  const detail = 'the certificate is signed by the authority over the other kind of key';
  return { code: 'SIGNING_KEY_KIND_MISMATCH', detail, found, wanted: kind ?? 'VCEK or VLEK' };
}

function otherProduct(found: SnpProduct, wanted: SnpProduct | undefined): Reason {
  const detail = 'an authority of the chain is for another product than the report';
  return { code: 'PRODUCT_MISMATCH', detail, found, wanted: wanted ?? 'that of the report' };
}
