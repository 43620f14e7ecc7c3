import { type KeyObject, sign } from 'node:crypto';
import type { SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import {
  SNP_REPORT_BYTES,
  SNP_SIGNED_BYTES,
  type SnpCpuid,
  type SnpReportVersion,
} from '#shared/attestation/sev-snp/report.ts';
import { type Tcb, tcbLayout } from '#shared/attestation/sev-snp/tcb.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';
import type { SnpChip } from './chip.ts';

/** What a guest and its host have put into a report. */
export interface SnpReportContents {
  /** 64 bytes. */
  readonly reportData: Uint8Array;
  /** 48 bytes: the guest's launch digest. */
  readonly measurement: Uint8Array;
  readonly version?: SnpReportVersion;
  readonly vmpl?: number;
  readonly policy?: bigint;
  readonly platformInfo?: bigint;
  readonly guestSvn?: number;
  readonly familyId?: Uint8Array;
  readonly imageId?: Uint8Array;
  readonly hostData?: Uint8Array;
  readonly idKeyDigest?: Uint8Array;
  readonly authorKeyDigest?: Uint8Array;
  readonly cpuid?: SnpCpuid;
  /** Each that is left out is that of the chip's key. */
  readonly currentTcb?: Tcb;
  readonly reportedTcb?: Tcb;
  readonly committedTcb?: Tcb;
  readonly launchTcb?: Tcb;
}

/** How a test bends a report. */
export interface SnpReportDefects {
  /** Alters the report before it is signed. */
  readonly rewrite?: (report: Uint8Array) => void;
  /** Alters the report after it was signed. */
  readonly alter?: (report: Uint8Array) => void;
  /** Signs with a key other than the chip's. */
  readonly signingKey?: KeyObject;
}

/** SMT allowed, and the bit that is always one. */
const PLAIN_POLICY = 0x3_0000n;
/** SMT, ECC, and no aliases of memory found. */
const PLAIN_PLATFORM = 0x25n;
const ECDSA_P384_SHA384 = 1;
const SCALAR_BYTES = 48;
const SCALAR_FIELD_BYTES = 72;

const CPUIDS: Readonly<Record<SnpProduct, SnpCpuid>> = {
  Milan: { family: 0x19, model: 0x01, stepping: 1 },
  Genoa: { family: 0x19, model: 0x11, stepping: 1 },
  Turin: { family: 0x1a, model: 0x02, stepping: 1 },
};

/** A report of `chip` (AMD 56860, "ATTESTATION_REPORT Structure"), signed by its key. */
export function mintSnpReport(chip: SnpChip, contents: SnpReportContents, defects: SnpReportDefects = {}): Uint8Array {
  const report = new Uint8Array(SNP_REPORT_BYTES);
  writeFields(report, chip, contents);
  defects.rewrite?.(report);
  const key = defects.signingKey ?? chip.key;
  const raw = sign('sha384', report.subarray(0, SNP_SIGNED_BYTES), { key, dsaEncoding: 'ieee-p1363' });
  // R and S are stored little-endian, each in a field wider than they are.
  report.set(raw.subarray(0, SCALAR_BYTES).toReversed(), SNP_SIGNED_BYTES);
  report.set(raw.subarray(SCALAR_BYTES).toReversed(), SNP_SIGNED_BYTES + SCALAR_FIELD_BYTES);
  defects.alter?.(report);
  return report;
}

function writeFields(report: Uint8Array, chip: SnpChip, contents: SnpReportContents): void {
  const { product } = chip.hierarchy;
  const { version = 3, cpuid = CPUIDS[product] } = contents;
  const view = new DataView(report.buffer);
  view.setUint32(0x00, version, true);
  view.setUint32(0x04, contents.guestSvn ?? 0, true);
  view.setBigUint64(0x08, contents.policy ?? PLAIN_POLICY, true);
  report.set(contents.familyId ?? EMPTY, 0x10);
  report.set(contents.imageId ?? EMPTY, 0x20);
  view.setUint32(0x30, contents.vmpl ?? 0, true);
  view.setUint32(0x34, ECDSA_P384_SHA384, true);
  view.setBigUint64(0x40, contents.platformInfo ?? PLAIN_PLATFORM, true);
  view.setUint32(0x48, chip.kind === 'VCEK' ? 0 : 1 << 2, true);
  report.set(contents.reportData, 0x50);
  report.set(contents.measurement, 0x90);
  report.set(contents.hostData ?? EMPTY, 0xc0);
  report.set(contents.idKeyDigest ?? EMPTY, 0xe0);
  report.set(contents.authorKeyDigest ?? EMPTY, 0x110);
  // No migration agent: all ones.
  report.fill(0xff, 0x160, 0x180);
  if (version !== 2) report.set([cpuid.family, cpuid.model, cpuid.stepping], 0x188);
  // Zeros fill the field where the identifier is shorter. A host that lends a provider's key masks the chip.
  if (chip.kind === 'VCEK') report.set(chip.hwId, 0x1a0);
  const tcbs = [
    [0x38, contents.currentTcb],
    [0x180, contents.reportedTcb],
    [0x1e0, contents.committedTcb],
    [0x1f0, contents.launchTcb],
  ] as const;
  for (const [offset, tcb] of tcbs) report.set(tcbBytes(product, tcb ?? chip.tcb), offset);
  // Firmware 1.58.3, current and committed: build, minor, major.
  report.set([3, 58, 1], 0x1e8);
  report.set([3, 58, 1], 0x1ec);
  if (version === 5) report.set([0x3f], 0x1f8);
  if (version === 5) report.set([0x3f], 0x200);
}

/** A TCB_VERSION of `product`. */
function tcbBytes(product: SnpProduct, tcb: Tcb): readonly number[] {
  return tcbLayout(product).map(({ component }) => (component === 'reserved' ? 0 : (tcb[component] ?? 0)));
}
