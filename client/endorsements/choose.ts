import { type Endorsement, EVIDENCE_LIMITS, type Evidence } from '#shared/attestation/evidence.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import type { SnpLeaf } from '#shared/attestation/sev-snp/certificates.ts';
import { SNP_PRODUCTS } from '#shared/attestation/sev-snp/product.ts';
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

/** Under which circumstances a choice is made. */
export interface ChoiceContext {
  /**
   * When the evidence is judged, ms since 1970: what was published later is taken only where there is nothing else. Left
   * out, the newest is taken.
   */
  readonly atMs?: number;
  readonly crypto: CryptoPort;
}

/**
 * Evidence with those of `cached` that it needs and came without: for each place in its proof the newest that fits.
 * What it came with stays, and stands first. A choice gives no trust: all of it is verified.
 */
export function withCached(
  evidence: Evidence,
  cached: readonly Endorsement[],
  { atMs = Number.MAX_SAFE_INTEGER, crypto }: ChoiceContext,
): Evidence {
  const described = describeAll(cached, crypto);
  const needs = neededBy(evidence, described, crypto);
  const own = new Set(describeAll(evidence.endorsements, crypto).map(({ subject }) => placeOf(subject)));
  const fitting = described
    .filter(({ subject }) => fits(subject, needs, evidence.platform) && !own.has(placeOf(subject)))
    .toSorted((a, b) => rankAt(atMs, b) - rankAt(atMs, a));
  const chosen = fitting.filter(
    ({ subject }, index) =>
      subject.kind === 'keys' || fitting.findIndex((other) => placeOf(other.subject) === placeOf(subject)) === index,
  );
  const endorsements = [...evidence.endorsements, ...chosen.map(({ endorsement }) => endorsement)];
  return { ...evidence, endorsements: endorsements.slice(0, EVIDENCE_LIMITS.endorsements) };
}

/** The newest that was published by then first, then those of later, the earliest first. */
function rankAt(atMs: number, { valid }: DescribedEndorsement): number {
  const fromMs = valid?.fromMs ?? 0;
  return fromMs <= atMs ? fromMs : -fromMs;
}

/** What cannot be read is no use to any evidence. */
function describeAll(endorsements: readonly Endorsement[], crypto: CryptoPort): readonly DescribedEndorsement[] {
  return endorsements.flatMap((endorsement) => {
    const described = describeEndorsement(endorsement, crypto);
    return described.kind === 'parsed' ? [described.value] : [];
  });
}

/**
 * What evidence needs. A report that does not say its product is of the one whose key is at hand for it. `undefined` for
 * evidence of which nothing can be said: the verifier will say why.
 */
function neededBy(
  evidence: Evidence,
  cached: readonly DescribedEndorsement[],
  crypto: CryptoPort,
): EndorsementNeeds | undefined {
  const stated = [undefined, ...SNP_PRODUCTS].map((product) => orUndefined(() => needsOf(evidence, product, crypto)));
  const [plain, ...guesses] = stated;
  return plain ?? guesses.find((needs) => cached.some(({ subject }) => isKeyFor(subject, needs)));
}

function isKeyFor(subject: EndorsementSubject, needs: EndorsementNeeds | undefined): boolean {
  const isKey = subject.kind === 'amd-leaf' || subject.kind === 'amd-table';
  return isKey && needs?.kind === 'amd' && isLeafFor(subject.leaf, needs);
}

function orUndefined<T>(find: () => T): T | undefined {
  try {
    return find();
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
      return isKeyFor(subject, needs);
    case 'intel-collateral':
      return needs?.kind === 'intel' && subject.tee === needs.tee && subject.fmspc === needs.fmspc;
    case 'keys':
      return TOKENS.includes(platform);
    case 'other':
      return false;
  }
}

/** Whether a certificate is for the kind of key, the chip where one is named, and the firmware. */
function isLeafFor({ kind, product, hwId, spls }: SnpLeaf, needs: AmdNeeds): boolean {
  if (kind !== needs.signingKey || product !== needs.product) return false;
  if (needs.chipId !== undefined && (hwId === undefined || toHex(hwId) !== needs.chipId)) return false;
  return [...spls].every(([name, version]) => (needs.tcb?.get(name) ?? version) === version);
}
