import { type HclDefects, hclReportData, mintHclReport } from '#infra/emulator/azure/hcl.ts';
import { type RuntimeContents, runtimeClaims } from '#infra/emulator/azure/runtime-claims.ts';
import { snpHardware, tdxHardware, type VmHardware } from '#infra/emulator/azure/vm.ts';
import { mintCollateral } from '#infra/emulator/intel/collateral.ts';
import { createIntelPki } from '#infra/emulator/intel/pki.ts';
import { createMachine } from '#infra/emulator/intel/quote.ts';
import { endorsementsOf, issueSnpChip } from '#infra/emulator/sev-snp/chip.ts';
import { createAmdHierarchy, generateAmdKeys, mintAmdCrl } from '#infra/emulator/sev-snp/hierarchy.ts';
import { emulatedAk } from '#infra/emulator/tpm/key.ts';
import { mintQuote, type QuoteDefects, type QuoteRequest } from '#infra/emulator/tpm/quote.ts';
import { TpmRegisters } from '#infra/emulator/tpm/registers.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import { type AzureDocument, encodeAzureDocument } from '#shared/attestation/azure/document.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { AT_MS, KEYS, NONCE } from '../tpm/machine.ts';

/** The attestation key of every VM here, and its registers. */
export const AK = emulatedAk({ kind: 'rsa', keys: KEYS.rsa });
const REGISTERS = new TpmRegisters();
REGISTERS.measure(4, Uint8Array.of(1));

const SELECTION: QuoteRequest['selection'] = new Map([['sha256', [0, 4, 7, 11]]]);
const HOUR_MS = 3_600_000;
const surroundings = { now: () => AT_MS, randomBytes: (count: number) => nodeCrypto.randomBytes(count) };

/** The launch digest of the paravisor, on either hardware. */
export const PARAVISOR = new Uint8Array(48).fill(0x5a);

/** A confidential VM with all that endorses it. */
export interface Vm {
  readonly hardware: VmHardware;
  readonly endorsements: readonly Endorsement[];
  readonly anchors: readonly Anchor[];
}

/** A VM on an emulated chip of AMD. */
export async function snpVm(): Promise<Vm> {
  const hierarchy = createAmdHierarchy('Milan', await generateAmdKeys(), surroundings);
  const chip = issueSnpChip(hierarchy, surroundings);
  const crl = mintAmdCrl(hierarchy.ark, { validMs: [AT_MS - HOUR_MS, AT_MS + HOUR_MS] });
  return {
    hardware: snpHardware(chip, { measurement: PARAVISOR }),
    endorsements: endorsementsOf(chip, [crl]),
    anchors: [anchor('amd-sev-snp', hierarchy.sha256)],
  };
}

/** A VM on an emulated machine of Intel. */
export async function tdxVm(): Promise<Vm> {
  const pki = await createIntelPki({ surroundings });
  const machine = await createMachine(pki, { tee: 'TDX', surroundings });
  const collateral = await mintCollateral(pki, { tee: 'TDX', issuedMs: AT_MS - HOUR_MS });
  return {
    hardware: tdxHardware(machine, { mrTd: PARAVISOR }),
    endorsements: [{ kind: 'intel-collateral', bytes: collateral }],
    anchors: [anchor('intel-tdx', pki.root.sha256)],
  };
}

function anchor(platform: Platform, sha256: string): Anchor {
  return { kind: 'certificate', name: 'EMULATED', platform, sha256, emulated: true };
}

/** What bends evidence of a VM, part by part. */
export interface Bent {
  readonly runtime?: Partial<RuntimeContents>;
  readonly rewriteRuntime?: (claims: Readonly<Record<string, unknown>>) => unknown;
  /** Takes the place of the runtime claims once the hardware has reported on them. */
  readonly alterClaims?: (claims: Uint8Array) => Uint8Array;
  readonly reportData?: (claims: Uint8Array) => Uint8Array;
  readonly alterReport?: (report: Uint8Array) => Uint8Array;
  readonly hcl?: HclDefects;
  readonly quote?: QuoteDefects & { readonly request?: Partial<QuoteRequest> };
  readonly parts?: Partial<AzureDocument>;
}

/** The parts of evidence of `vm`. */
export async function partsOf({ hardware }: Vm, bent: Bent = {}): Promise<AzureDocument> {
  const claims = runtimeClaims({ ak: AK, ...bent.runtime }, bent.rewriteRuntime);
  const plain = hardware.report((bent.reportData ?? hclReportData)(claims));
  const hardwareReport = bent.alterReport?.(plain) ?? plain;
  const hcl = mintHclReport(
    { hardware: hardware.kind, hardwareReport, runtimeClaims: bent.alterClaims?.(claims) ?? claims },
    bent.hcl,
  );
  const tdQuote = await hardware.quote?.(plain);
  const { request, ...defects } = bent.quote ?? {};
  const tpm = mintQuote(AK, REGISTERS, { extraData: NONCE, selection: SELECTION, ...request }, defects);
  return { hcl, ...(tdQuote === undefined ? {} : { tdQuote }), tpm, ...bent.parts };
}

/** Verifies evidence of `vm`. */
export async function verifyVm(vm: Vm, bent: Bent = {}): Promise<Verification> {
  return verifyParts(await partsOf(vm, bent), vm);
}

/** Verifies parts with the endorsements and under the roots of `vm`. */
export function verifyParts(parts: AzureDocument, vm: Omit<Vm, 'hardware'>): Promise<Verification> {
  return verifyDocument(encodeAzureDocument(parts), vm);
}

/** Verifies a document with the endorsements and under the roots of `vm`. */
export function verifyDocument(document: Uint8Array, vm: Omit<Vm, 'hardware'>): Promise<Verification> {
  const { anchors, endorsements } = vm;
  const context = { anchors, atMs: AT_MS, crypto: nodeCrypto };
  return verifyEvidence({ platform: 'azure-cvm', document, endorsements }, context);
}
