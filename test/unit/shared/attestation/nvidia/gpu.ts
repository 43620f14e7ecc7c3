import { type DeviceChain, type DeviceChainOptions, newDeviceChain } from '#infra/emulator/nvidia/pki.ts';
import { gpuFields, mintReport, type ReportContents, type ReportDefects } from '#infra/emulator/nvidia/report.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

/** 2026-11-22T12:00:00Z, the time of every test that does not name its own. */
export const NOW_MS = Date.UTC(2026, 10, 22, 12);
export const FIRMWARE: Uint8Array = new Uint8Array(48).fill(0xf1);
const surroundings = { now: () => NOW_MS, randomBytes: (count: number) => new Uint8Array(count).fill(0x51) };

/** What a healthy device states. */
export const CONTENTS: ReportContents = {
  requestNonce: new Uint8Array(32).fill(0xaa),
  responseNonce: new Uint8Array(32).fill(0xbb),
  measurements: new Map([1, 2, 64].map((index) => [index, new Uint8Array(48).fill(index)])),
  opaque: gpuFields(FIRMWARE),
};

/** Everything that a test may bend. */
export interface BentReport {
  readonly contents?: Partial<ReportContents>;
  readonly defects?: ReportDefects;
  readonly chain?: DeviceChain;
  readonly document?: Uint8Array;
  readonly endorsements?: readonly Endorsement[];
  readonly anchors?: readonly Anchor[];
  readonly atMs?: number;
}

export function deviceChain(options: Partial<DeviceChainOptions> = {}): Promise<DeviceChain> {
  return newDeviceChain({ firmwareId: FIRMWARE, ...options }, surroundings);
}

export function anchorOf({ sha256 }: DeviceChain): Anchor {
  return { kind: 'certificate', name: 'emulator', platform: 'nvidia-gpu', sha256, emulated: true };
}

/** Verifies a report of the device, whose root is pinned unless the test says otherwise. */
export function verifyReport(device: DeviceChain, bent: BentReport = {}): Promise<Verification> {
  const chain = bent.chain ?? device;
  const contents = { ...CONTENTS, ...bent.contents };
  const document = bent.document ?? mintReport(chain.deviceKey, contents, bent.defects);
  const { endorsements = chain.endorsements, anchors = [anchorOf(chain)], atMs = NOW_MS } = bent;
  return verifyEvidence({ platform: 'nvidia-gpu', document, endorsements }, { anchors, atMs, crypto: nodeCrypto });
}

/** The codes of a refusal, in their order; none of what was verified. */
export function codes(result: Verification): readonly string[] {
  return result.kind === 'refused' ? result.reasons.map(({ code }) => code) : [];
}
