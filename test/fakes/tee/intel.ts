import { type CollateralContents, type CollateralDefects, mintCollateral } from '#infra/emulator/intel/collateral.ts';
import { createIntelPki, type IntelPkiOptions } from '#infra/emulator/intel/pki.ts';
import {
  createMachine,
  type MachineOptions,
  mintQuote,
  type QuoteContents,
  type QuoteDefects,
  type QuotingMachine,
} from '#infra/emulator/intel/quote.ts';
import { sgxReport, tdReport } from '#infra/emulator/intel/report.ts';
import { PLAIN_TEE_TCB_SVN } from '#infra/emulator/intel/tcb.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import type { SgxReportBody } from '#shared/attestation/dcap/sgx-report.ts';
import type { TdReportBody } from '#shared/attestation/dcap/td-report.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { NOW_MS } from './enclave.ts';

/** Time and randomness of everything made here. */
export const INTEL_SURROUNDINGS = { now: () => NOW_MS, randomBytes: (count: number) => nodeCrypto.randomBytes(count) };

/** An SGX machine, or a TDX one, with its collateral and the root that it asks to be trusted. */
export interface FakeIntel {
  readonly machine: QuotingMachine;
  readonly anchor: Anchor;
  readonly collateral: Endorsement;
}

/** How a test bends what stands around a quote. */
export interface FakeIntelOptions
  extends Omit<MachineOptions, 'surroundings' | 'tee'>,
    Pick<IntelPkiOptions, 'authority' | 'root'> {
  readonly contents?: Partial<CollateralContents>;
  readonly defects?: CollateralDefects;
}

/** A machine, genuine unless bent, with collateral of an hour ago. */
export async function fakeIntel(tee: QuotingMachine['tee'], options: FakeIntelOptions = {}): Promise<FakeIntel> {
  const pki = await createIntelPki({ ...options, surroundings: INTEL_SURROUNDINGS });
  const machine = await createMachine(pki, { ...options, tee, surroundings: INTEL_SURROUNDINGS });
  return { machine, anchor: anchorOf(machine), collateral: await collateralFor(machine, options) };
}

/** Collateral under the machine's hierarchy. */
export async function collateralFor(
  { tee, pki }: QuotingMachine,
  { contents, defects }: Pick<FakeIntelOptions, 'contents' | 'defects'> = {},
): Promise<Endorsement> {
  const bytes = await mintCollateral(pki, { tee, issuedMs: NOW_MS - 3_600_000, ...contents }, defects);
  return { kind: 'intel-collateral', bytes };
}

/** The root of a machine, as a policy names it. */
export function anchorOf({ tee, pki }: QuotingMachine): Anchor {
  const platform = platformOf(tee);
  return { kind: 'certificate', name: 'EMULATED root', platform, sha256: pki.root.sha256, emulated: true };
}

/** An enclave as it should be: initialised, 64-bit, not under debug. */
export function plainSgx(fields: Partial<SgxReportBody> = {}): Uint8Array {
  return sgxReport({
    attributes: Uint8Array.of(0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0),
    mrEnclave: new Uint8Array(32).fill(0xee),
    mrSigner: new Uint8Array(32).fill(0x51),
    isvProdId: 7,
    isvSvn: 3,
    reportData: new Uint8Array(64).fill(0xda),
    ...fields,
  });
}

/** A trust domain as it should be: SEPT_VE_DISABLE, not under debug, on the newest module. */
export function plainTd(fields: Partial<TdReportBody> = {}): Uint8Array {
  const [rtmr0, rtmr1, rtmr2, rtmr3] = [0xa0, 0xa1, 0xa2, 0xa3].map((byte) => new Uint8Array(48).fill(byte));
  return tdReport({
    teeTcbSvn: PLAIN_TEE_TCB_SVN,
    mrSeam: new Uint8Array(48).fill(0x5e),
    tdAttributes: Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0),
    xfam: Uint8Array.of(0xe7, 2, 6, 0, 0, 0, 0, 0),
    mrTd: new Uint8Array(48).fill(0x7d),
    ...(rtmr0 && rtmr1 && rtmr2 && rtmr3 ? { rtmrs: [rtmr0, rtmr1, rtmr2, rtmr3] } : {}),
    reportData: new Uint8Array(64).fill(0xda),
    ...fields,
  });
}

/** A plain report of the machine's kind in a quote. */
export function quoteOf(
  machine: QuotingMachine,
  defects: QuoteDefects = {},
  contents: Partial<QuoteContents> = {},
): Promise<Uint8Array> {
  const report = machine.tee === 'SGX' ? plainSgx() : plainTd();
  return mintQuote(machine, { version: machine.tee === 'SGX' ? 3 : 4, report, ...contents }, defects);
}

/** How a document is verified; what is left out is the machine's own. */
export interface IntelRequest {
  readonly endorsements?: readonly Endorsement[];
  readonly anchors?: readonly Anchor[];
  readonly atMs?: number;
}

/** The whole verifier on a document of the machine's kind. */
export function verifyIntel(
  { machine, anchor, collateral }: FakeIntel,
  document: Uint8Array,
  { endorsements = [collateral], anchors = [anchor], atMs = NOW_MS }: IntelRequest = {},
): Promise<Verification> {
  const evidence = { platform: platformOf(machine.tee), document, endorsements };
  return verifyEvidence(evidence, { anchors, atMs, crypto: nodeCrypto });
}

/** The codes of a refusal, or nothing where all holds. */
export function codesOf(result: Verification): readonly string[] {
  return result.kind === 'refused' ? result.reasons.map(({ code }) => code) : [];
}

function platformOf(tee: QuotingMachine['tee']): 'intel-sgx' | 'intel-tdx' {
  return tee === 'SGX' ? 'intel-sgx' : 'intel-tdx';
}
