import { equalBytes } from '../../bytes/bytes.ts';
import type { CryptoPort } from '../../crypto/port.ts';
import type { Reason } from '../reasons.ts';
import type { AllowedSignature } from './algorithms.ts';
import { signatureScheme } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { timeText } from './time.ts';

/** What a path is judged by. `atMs` is the stated time, in ms since 1970: no clock is read. */
export interface PathRules {
  readonly atMs: number;
  readonly allowed: readonly AllowedSignature[];
  readonly crypto: CryptoPort;
}

/**
 * Validates a certification path (RFC 5280 section 6.1), `chain` from the root to the leaf: signatures, names,
 * validity of every certificate, CA bit, path lengths, key usage, critical extensions. All failures are listed.
 * Whether the root is trusted is not decided here; its own signature is left to {@link unpinnedRootReasons}.
 */
export function validatePath(chain: readonly Certificate[], rules: PathRules): Promise<readonly Reason[]> {
  return pathReasons(chain, rules, leafReasons);
}

/** The same for a path whose last certificate is an authority as well: the issuer of a revocation list. */
export function validateAuthorityPath(chain: readonly Certificate[], rules: PathRules): Promise<readonly Reason[]> {
  return pathReasons(chain, rules, (last, place) => authorityReasons(last, [], place));
}

async function pathReasons(
  chain: readonly Certificate[],
  rules: PathRules,
  lastReasons: (last: Certificate, place: string) => readonly Reason[],
): Promise<readonly Reason[]> {
  const reasons: Reason[] = [];
  for (const [index, certificate] of chain.entries()) {
    const place = `certificate ${index + 1} of ${chain.length}`;
    reasons.push(...validityReasons(certificate, place, rules.atMs), ...extensionReasons(certificate, place));
    const last = index === chain.length - 1;
    const below = chain.slice(index + 1, -1);
    reasons.push(...(last ? lastReasons(certificate, place) : authorityReasons(certificate, below, place)));
    const issuer = chain[index - 1];
    if (issuer !== undefined) reasons.push(...(await linkReasons(certificate, issuer, place, rules)));
  }
  return reasons;
}

/**
 * What is wrong with a root that no anchor pins, besides that. A pin vouches for every byte of a root; without one its own
 * signature tells a root that was altered from one that is foreign.
 */
export async function unpinnedRootReasons(root: Certificate, rules: PathRules): Promise<readonly Reason[]> {
  if (await isSelfSigned(root, rules)) return [];
  return [{ code: 'CHAIN_INVALID', detail: 'the root certificate is not signed by itself' }];
}

/** Whether `certificate` names itself as its issuer (RFC 5280 section 3.2). */
export function isSelfIssued({ issuer, subject }: Certificate): boolean {
  return equalBytes(issuer, subject);
}

/** Whether `certificate` is named and signed by itself, with an allowed algorithm. */
export async function isSelfSigned(certificate: Certificate, rules: PathRules): Promise<boolean> {
  return (await linkReasons(certificate, certificate, 'root', rules)).length === 0;
}

function validityReasons(certificate: Certificate, place: string, atMs: number): readonly Reason[] {
  const { notBeforeMs, notAfterMs } = certificate;
  const found = timeText(atMs);
  if (atMs < notBeforeMs) {
    return [
      {
        code: 'CERT_NOT_YET_VALID',
        detail: `${place} is not valid yet`,
        found,
        wanted: `from ${timeText(notBeforeMs)}`,
      },
    ];
  }
  // RFC 5280 section 4.1.2.5: notAfter is inclusive, and it stands for a whole second.
  if (atMs >= notAfterMs + 1000) {
    return [{ code: 'CERT_EXPIRED', detail: `${place} has expired`, found, wanted: `until ${timeText(notAfterMs)}` }];
  }
  return [];
}

function extensionReasons(certificate: Certificate, place: string): readonly Reason[] {
  return certificate.extensions.unknownCritical.map((oid) => ({
    code: 'CHAIN_INVALID',
    detail: `${place} holds the critical extension ${oid}, which is not understood`,
  }));
}

function leafReasons(leaf: Certificate, place: string): readonly Reason[] {
  const reasons: Reason[] = [];
  const { basicConstraints, keyUsage } = leaf.extensions;
  if (basicConstraints?.ca === true) reasons.push({ code: 'CHAIN_INVALID', detail: `${place}, the last, is a CA` });
  if (keyUsage?.digitalSignature === false) {
    reasons.push({ code: 'CHAIN_INVALID', detail: `${place} may not sign: its key usage lacks digitalSignature` });
  }
  return reasons;
}

function authorityReasons(authority: Certificate, between: readonly Certificate[], place: string): readonly Reason[] {
  const reasons: Reason[] = [];
  const { basicConstraints, keyUsage } = authority.extensions;
  if (basicConstraints?.ca !== true) reasons.push({ code: 'CHAIN_INVALID', detail: `${place} is not a CA` });
  if (keyUsage?.keyCertSign !== true) {
    reasons.push({ code: 'CHAIN_INVALID', detail: `${place} may not sign certificates: no keyCertSign` });
  }
  // RFC 5280 section 4.2.1.9: counts the CAs between this one and the leaf, self-issued ones not among them.
  const below = between.filter((next) => !isSelfIssued(next)).length;
  const limit = basicConstraints?.pathLength;
  if (limit !== undefined && below > limit) {
    reasons.push({
      code: 'CHAIN_INVALID',
      detail: `too many CAs below ${place}`,
      found: `${below}`,
      wanted: `at most ${limit}`,
    });
  }
  return reasons;
}

async function linkReasons(
  certificate: Certificate,
  issuer: Certificate,
  place: string,
  rules: PathRules,
): Promise<readonly Reason[]> {
  const reasons: Reason[] = [];
  if (!equalBytes(certificate.issuer, issuer.subject)) {
    reasons.push({ code: 'CHAIN_INVALID', detail: `${place} names another issuer than the certificate before it` });
  }
  const scheme = signatureScheme(certificate.signatureAlgorithm, issuer.key, rules.allowed);
  if (scheme === undefined) {
    const wanted = rules.allowed.join(' or ');
    const found = certificate.signatureAlgorithm.oid;
    reasons.push({
      code: 'ALG_NOT_ALLOWED',
      detail: `${place} is signed with an algorithm or key that is not allowed`,
      found,
      wanted,
    });
    return reasons;
  }
  const { signature, tbs } = certificate;
  if (!(await rules.crypto.verifyCertificateSignature(scheme, issuer.key.spki, signature, tbs))) {
    reasons.push({ code: 'CHAIN_INVALID', detail: `${place} is not signed by the certificate before it` });
  }
  return reasons;
}
