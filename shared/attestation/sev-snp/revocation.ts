import { equalBytes, toHex } from '../../bytes/bytes.ts';
import type { Concern } from '../claims.ts';
import type { Reason } from '../reasons.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { isRevoked, verifyCrl } from '../x509/crl.ts';
import { nameText } from '../x509/name.ts';
import type { PathRules } from '../x509/path.ts';
import type { SnpChain } from './chain.ts';

/** What the revocation lists say of a chain. */
export interface Revocation {
  readonly reasons: readonly Reason[];
  readonly concerns: readonly Concern[];
}

/**
 * Asks every list that came: it must be by the root, or by the authority below it, and current. Each is judged by
 * itself, so a fresh list never covers for a stale one. Without a list by the root there is a concern: `brokenLists`
 * says that one came which could not be read, and is a reason already.
 */
export async function revocationOf(
  chain: SnpChain,
  crls: readonly Crl[],
  brokenLists: boolean,
  rules: PathRules,
): Promise<Revocation> {
  const root = chain.root.certificate;
  const authority = chain.authority.certificate;
  const reasons: Reason[] = [];
  const concerns: Concern[] = [];
  for (const crl of crls) {
    // A list by neither is held against the root, which says that it is not by it.
    const issuer = equalBytes(crl.issuer, authority.subject) ? authority : root;
    const verified = await verifyCrl(crl, issuer, rules);
    reasons.push(...verified.reasons, ...revokedReasons(crl, chain));
    concerns.push(...verified.concerns);
  }
  if (!brokenLists && !crls.some(({ issuer }) => equalBytes(issuer, root.subject))) {
    concerns.push({
      code: 'CRL_MISSING',
      detail: `no revocation list of ${nameText(root.subject)} came with the report`,
    });
  }
  return { reasons, concerns };
}

function revokedReasons(crl: Crl, { leaf, authority, root }: SnpChain): readonly Reason[] {
  const revoked = [
    ...[root, authority].filter(({ certificate }) => isRevoked(crl, certificate)),
    ...[leaf].filter(({ certificate }) => isLeafRevoked(crl, certificate)),
  ];
  return revoked.map(({ certificate }) => ({
    code: 'CERT_REVOKED',
    detail: `${nameText(certificate.subject)} is on the revocation list of ${crl.issuerText}`,
    found: toHex(certificate.serial),
  }));
}

/**
 * AMD's authorities over leaves publish no lists: the root's is the only one, and it speaks for all below it. By RFC 5280
 * its entries are certificates of the root itself; where a number is a leaf's too, the evidence is refused.
 */
function isLeafRevoked(crl: Crl, leaf: Certificate): boolean {
  return crl.revoked.has(toHex(leaf.serial));
}
