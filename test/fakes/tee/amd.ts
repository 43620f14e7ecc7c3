import type { Extension } from '#infra/emulator/sev-snp/certificate.ts';
import { endorsementsOf, issueSnpChip, type SnpChip, type SnpLeafOptions } from '#infra/emulator/sev-snp/chip.ts';
import {
  type AmdBends,
  type AmdHierarchy,
  type AmdKeys,
  createAmdHierarchy,
  generateAmdKeys,
  mintAmdCrl,
} from '#infra/emulator/sev-snp/hierarchy.ts';
import { mintSnpReport, type SnpReportContents, type SnpReportDefects } from '#infra/emulator/sev-snp/report.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { AT_MS, fixedSurroundings } from './emulator.ts';

/** An emulated chip as a test needs it. */
export interface TestChip {
  readonly chip: SnpChip;
  readonly hierarchy: AmdHierarchy;
  readonly anchor: Anchor;
  /** A list by the root that is current and revokes nothing. */
  readonly crl: Uint8Array;
  /** The whole chain and {@link crl}. */
  readonly endorsements: readonly Endorsement[];
  report(contents?: Partial<SnpReportContents>, defects?: SnpReportDefects): Uint8Array;
}

export const REPORT_DATA = new Uint8Array(64).fill(7);
export const MEASUREMENT = new Uint8Array(48).fill(9);
export const DAY_MS = 86_400_000;
/** First and last second of a list that is current. */
export const CURRENT_MS = [AT_MS - DAY_MS, AT_MS + DAY_MS] as const;

let made: Promise<AmdKeys> | undefined;

/** The keys of all tests in this process: RSA keys take long to make. */
export function amdKeys(): Promise<AmdKeys> {
  made ??= generateAmdKeys();
  return made;
}

const hierarchies = new Map<SnpProduct, AmdHierarchy>();

/** The authorities of `product`: the same for all tests, or fresh ones whose certificates are bent as `bends` says. */
export async function testHierarchy(product: SnpProduct = 'Milan', bends?: AmdBends): Promise<AmdHierarchy> {
  const kept = bends === undefined ? hierarchies.get(product) : undefined;
  const hierarchy = kept ?? createAmdHierarchy(product, await amdKeys(), fixedSurroundings(), bends);
  if (bends === undefined) hierarchies.set(product, hierarchy);
  return hierarchy;
}

/** A chip below authorities of `product`. */
export async function testChip(
  product: SnpProduct = 'Milan',
  options: SnpLeafOptions = {},
  bends?: AmdBends,
): Promise<TestChip> {
  const hierarchy = await testHierarchy(product, bends);
  const chip = issueSnpChip(hierarchy, fixedSurroundings(), options);
  const crl = mintAmdCrl(hierarchy.ark, { validMs: CURRENT_MS });
  return {
    chip,
    hierarchy,
    anchor: anchorOf(hierarchy),
    crl,
    endorsements: endorsementsOf(chip, [crl]),
    report: (contents = {}, defects = {}) =>
      mintSnpReport(chip, { reportData: REPORT_DATA, measurement: MEASUREMENT, ...contents }, defects),
  };
}

/** What is bent of a report and of all that endorses it. */
export interface BentReport {
  readonly product?: SnpProduct;
  readonly leaf?: SnpLeafOptions;
  readonly authorities?: AmdBends;
  readonly contents?: Partial<SnpReportContents>;
}

/** The codes for a report that was made as bent and comes with its own endorsements. */
export async function codesOf(bent: BentReport, atMs = AT_MS): Promise<readonly string[]> {
  const device = await testChip(bent.product, bent.leaf, bent.authorities);
  return codes(await verifyUnder(device, device.report(bent.contents), device.endorsements, atMs));
}

/** Verifies a report under `anchor` beside the vendors'. */
export function verifyUnder(
  { anchor }: { readonly anchor: Anchor },
  document: Uint8Array,
  endorsements: readonly Endorsement[],
  atMs = AT_MS,
): Promise<Verification> {
  const evidence = { platform: 'amd-sev-snp', document, endorsements } as const;
  return verifyEvidence(evidence, { anchors: [...VENDOR_ANCHORS, anchor], atMs, crypto: nodeCrypto });
}

/** The codes of a refusal, each once, sorted. */
export function codes(result: Verification): readonly string[] {
  return result.kind === 'verified' ? [] : [...new Set(result.reasons.map(({ code }) => code))].toSorted();
}

/** Another value for one of the extensions of a leaf, or none. */
export function withExtension(oid: string, value: Uint8Array | undefined): SnpLeafOptions {
  const changed: readonly Extension[] = value === undefined ? [] : [{ oid, critical: false, value }];
  return { bend: ({ extensions }) => ({ extensions: [...extensions.filter((each) => each.oid !== oid), ...changed] }) };
}

export function anchorOf({ product, sha256 }: AmdHierarchy): Anchor {
  return { kind: 'certificate', name: `EMULATED ARK-${product}`, platform: 'amd-sev-snp', sha256, emulated: true };
}
