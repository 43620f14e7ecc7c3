import type { Endorsement } from '../evidence.ts';
import { attempt } from '../malformed.ts';
import type { PlatformVerifier } from '../platform.ts';
import type { Reason } from '../reasons.ts';
import type { Verification, VerificationContext } from '../verification.ts';
import { refusedFor } from '../verification.ts';
import { AMD_ROOTS } from './anchors.ts';
import type { SnpLeaf } from './certificates.ts';
import { chooseChain, SNP_ALLOWED, verifySnpChain } from './chain.ts';
import { SNP_VOCABULARY, snpClaims } from './claims.ts';
import { readSnpEndorsements } from './endorsements.ts';
import { leafReasons, productOf } from './leaf-match.ts';
import type { SnpReport } from './report.ts';
import { parseSnpReport } from './report.ts';
import { revocationOf } from './revocation.ts';

/**
 * Verifies an SEV-SNP attestation report by the certificates and revocation lists that came with it: kinds
 * `certificate`, `crl` and `snp-certificate-table`, in any order. The claims are those of `amd-sev-snp`, also where the
 * report is a part of another platform's evidence. The bytes of a report are not its identity (a second signature
 * S' = n - S verifies too): `details.contentSha256` is.
 */
export async function verifySnpReport(
  bytes: Uint8Array,
  endorsements: readonly Endorsement[],
  context: VerificationContext,
): Promise<Verification> {
  const parsed = attempt(() => parseSnpReport(bytes));
  if (parsed.kind === 'refused') return refusedFor(parsed.reason);
  const report = parsed.value;
  const found = readSnpEndorsements(endorsements);
  const chosen = chooseChain(report, found);
  if (chosen.kind === 'missing') {
    // A certificate that could not be read may well be the one that is missing.
    const unread = found.reasons.some(({ code }) => code !== 'CRL_INVALID');
    return refusedFor(...found.reasons, ...(unread ? [] : chosen.reasons));
  }
  const { chain } = chosen;
  const { anchor, reasons: chainReasons } = await verifySnpChain(report, chain, context);
  const brokenLists = found.reasons.some(({ code }) => code === 'CRL_INVALID');
  const revocation = await revocationOf(chain, found.crls, brokenLists, { ...context, allowed: SNP_ALLOWED });
  const reasons = [
    ...found.reasons,
    ...leafReasons(report, chain.leaf),
    ...(await signatureReasons(report, chain.leaf, context)),
    ...chainReasons,
    ...revocation.reasons,
  ];
  const product = productOf(report, chain.leaf);
  if (anchor === undefined || product === undefined) return refusedFor(...reasons);
  const { crls } = found;
  const claims = snpClaims({ report, product, chain, anchor, crls, concerns: revocation.concerns }, context);
  return reasons.length === 0 ? { kind: 'verified', claims } : { kind: 'refused', reasons, claims };
}

async function signatureReasons(
  report: SnpReport,
  { certificate }: SnpLeaf,
  { crypto }: VerificationContext,
): Promise<readonly Reason[]> {
  if (certificate.key.kind !== 'p384') {
    return [{ code: 'ALG_NOT_ALLOWED', detail: 'the key that the report is to be verified by is not on curve P-384' }];
  }
  const scheme = { kind: 'ecdsa', hash: 'sha384', encoding: 'raw' } as const;
  const { spki } = certificate.key;
  if (await crypto.verifyCertificateSignature(scheme, spki, report.signature, report.signed)) return [];
  // AMD 56860, MASK_CHIP_KEY: the firmware then writes zeros where the signature would be.
  const detail = report.chipKeyMasked
    ? 'the report is not signed: the host has told the firmware not to use the key of the chip'
    : 'the report is not signed by the key of its certificate';
  return [{ code: 'SIGNATURE_INVALID', detail }];
}

/** AMD SEV-SNP. */
export const sevSnp: PlatformVerifier = {
  title: 'AMD SEV-SNP',
  verify: ({ document, endorsements }, context) => verifySnpReport(document, endorsements, context),
  anchors: AMD_ROOTS,
  vocabulary: SNP_VOCABULARY,
  reportDataBytes: 64,
};
