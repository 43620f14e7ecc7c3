import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { AcceptedRoot } from '#shared/attestation/policy.ts';
import type { SnpChip } from '../sev-snp/chip.ts';
import { type AmdHierarchy, mintAmdCrl } from '../sev-snp/hierarchy.ts';
import { loadOrCreateAmdHierarchy } from '../sev-snp/kept-hierarchy.ts';
import type { Surroundings } from '../surroundings.ts';

const HOUR_MS = 3_600_000;
const CRL_VALID_MS = 30 * 24 * HOUR_MS;

/** The authorities of the chips that are played: AMD's fourth generation. */
export function keptAmdHierarchy(folder: string, surroundings: Surroundings): Promise<AmdHierarchy> {
  return loadOrCreateAmdHierarchy(folder, 'Genoa', surroundings);
}

/** What a policy names to accept them. */
export function amdRoot({ sha256 }: AmdHierarchy): AcceptedRoot {
  return { name: 'EMULATED AMD root of this machine', platform: 'amd-sev-snp', sha256, emulated: true };
}

/** AMD's revocation list, which names nobody: an hour old, and good for a month. */
export function amdCrl({ ark }: AmdHierarchy, { now }: Pick<Surroundings, 'now'>): Endorsement {
  return { kind: 'crl', bytes: mintAmdCrl(ark, { validMs: [now() - HOUR_MS, now() + CRL_VALID_MS] }) };
}

/** The firmware of `chip` as the least that a policy accepts. */
export function amdMinimums({ tcb }: SnpChip): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(tcb).map(([component, svn]) => [`tcb.${component}`, svn]));
}
