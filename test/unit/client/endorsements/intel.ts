import { mintCollateral } from '#infra/emulator/intel/collateral.ts';
import { createIntelPki, type IntelPki } from '#infra/emulator/intel/pki.ts';
import { createMachine, mintQuote, type QuoteDefects, type QuotingMachine } from '#infra/emulator/intel/quote.ts';
import { sgxReport, tdReport } from '#infra/emulator/intel/report.ts';
import type { Endorsement, Evidence } from '#shared/attestation/evidence.ts';
import { AT_MS, fixedSurroundings } from '#test/fakes/tee/emulator.ts';

const DAY_MS = 86_400_000;

/** The family of every emulated platform, as a request names it. */
export const FMSPC = '0e0e0e000000';

/** An emulated machine and what its vendor says of it. */
export interface IntelScene {
  readonly pki: IntelPki;
  readonly machine: QuotingMachine;
  /** Collateral that was issued so many days before the tests' instant. */
  collateral(daysAgo?: number): Promise<Endorsement>;
  evidence(defects?: QuoteDefects): Promise<Evidence>;
}

/** A machine below fresh authorities. */
export async function intelScene(
  tee: QuotingMachine['tee'],
  authority: 'Platform' | 'Processor' = 'Platform',
): Promise<IntelScene> {
  const surroundings = fixedSurroundings();
  const pki = await createIntelPki({ surroundings, authority });
  const machine = await createMachine(pki, { tee, surroundings });
  const contents =
    tee === 'TDX' ? ({ version: 4, report: tdReport({}) } as const) : ({ version: 3, report: sgxReport({}) } as const);
  return {
    pki,
    machine,
    async collateral(daysAgo = 1) {
      const bytes = await mintCollateral(pki, { tee, issuedMs: AT_MS - daysAgo * DAY_MS });
      return { kind: 'intel-collateral', bytes };
    },
    async evidence(defects = {}) {
      const document = await mintQuote(machine, contents, defects);
      return { platform: tee === 'TDX' ? 'intel-tdx' : 'intel-sgx', document, endorsements: [] };
    },
  };
}
