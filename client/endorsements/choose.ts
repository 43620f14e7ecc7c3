import { type Endorsement, EVIDENCE_LIMITS, type Evidence } from '#shared/attestation/evidence.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import type { SnpLeaf } from '#shared/attestation/sev-snp/certificates.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { type DescribedEndorsement, describeEndorsement, type EndorsementSubject } from './describe.ts';
import { type AmdNeeds, type EndorsementNeeds, needsOf } from './needs.ts';

/** Platforms whose evidence is a token of an issuer that publishes its keys. */
const TOKENS: readonly Platform[] = [
  'gcp-confidential-space',
  'azure-maa-jwt',
  'intel-trust-authority',
  'eat-ear',
  'nvidia-nras',
];

/**
 * Evidence with those of `cached` that it needs and came without: for each place in its proof the newest that fits.
 * What it came with stays, and stands first. A choice gives no trust: all of it is verified.
 */
export function withCached(evidence: Evidence, cached: readonly Endorsement[], crypto: CryptoPort): Evidence {
  const needs = neededBy(evidence, crypto);
  const own = new Set(describeAll(evidence.endorsements, crypto).map(({ subject }) => placeOf(subject)));
  const fitting = describeAll(cached, crypto)
    .filter(({ subject }) => fits(subject, needs, evidence.platform) && !own.has(placeOf(subject)))
    .toSorted((a, b) => (b.valid?.fromMs ?? 0) - (a.valid?.fromMs ?? 0));
  const newest = fitting.filter(
    ({ subject }, index) =>
      subject.kind === 'keys' || fitting.findIndex((other) => placeOf(other.subject) === placeOf(subject)) === index,
  );
  const endorsements = [...evidence.endorsements, ...newest.map(({ endorsement }) => endorsement)];
  return { ...evidence, endorsements: endorsements.slice(0, EVIDENCE_LIMITS.endorsements) };
}

/** What cannot be read is no use to any evidence. */
function describeAll(endorsements: readonly Endorsement[], crypto: CryptoPort): readonly DescribedEndorsement[] {
  return endorsements.flatMap((endorsement) => {
    const described = describeEndorsement(endorsement, crypto);
    return described.kind === 'parsed' ? [described.value] : [];
  });
}

/** `undefined` for evidence of which nothing can be said: the verifier will say why. */
function neededBy(evidence: Evidence, crypto: CryptoPort): EndorsementNeeds | undefined {
  try {
    return needsOf(evidence, undefined, crypto);
  } catch (cause) {
    if (cause instanceof Fault) return undefined;
    throw cause;
  }
}

/** Where in a proof an endorsement belongs: of two for one place, one is enough. */
function placeOf(subject: EndorsementSubject): string {
  if (subject.kind === 'amd-authority') return subject.role;
  return subject.kind === 'amd-table' ? 'amd-leaf' : subject.kind;
}

function fits(subject: EndorsementSubject, needs: EndorsementNeeds | undefined, platform: Platform): boolean {
  switch (subject.kind) {
    case 'amd-authority': {
      const needless = needs?.kind === 'amd' && needs.signingKey === 'VCEK' ? 'asvk' : 'ask';
      return needs?.kind === 'amd' && subject.product === needs.product && subject.role !== needless;
    }
    case 'amd-crl':
      return needs?.kind === 'amd' && subject.product === needs.product;
    case 'amd-leaf':
    case 'amd-table':
      return needs?.kind === 'amd' && isLeafFor(subject.leaf, needs);
    case 'intel-collateral':
      return needs?.kind === 'intel' && subject.tee === needs.tee && subject.fmspc === needs.fmspc;
    case 'keys':
      return TOKENS.includes(platform);
    case 'other':
      return false;
  }
}

/** Whether a certificate is for the chip and the firmware; for a provider's key, whether it is one of the product. */
function isLeafFor(leaf: SnpLeaf, { chip, product, signingKey }: AmdNeeds): boolean {
  if (leaf.kind !== signingKey || leaf.product !== product) return false;
  if (chip === undefined) return true;
  return (
    leaf.hwId !== undefined &&
    toHex(leaf.hwId) === chip.id &&
    [...leaf.spls].every(([name, version]) => (chip.tcb.get(name) ?? version) === version)
  );
}
