import { concat } from '../../bytes/bytes.ts';
import { malformed } from '../malformed.ts';
import type { GuestPolicy, PlatformInfo } from './flags.ts';
import { guestPolicy, platformInfo } from './flags.ts';

/** Bytes of every ATTESTATION_REPORT. */
export const SNP_REPORT_BYTES = 0x4a0;

/** How many of them, from the first on, are signed. */
export const SNP_SIGNED_BYTES = 0x2a0;

/**
 * Versions whose layout AMD has published; 5 is that of ABI 1.58. Version 4 has been seen on machines, but no document
 * says what its fields are, so nothing can be read off it.
 */
const SNP_REPORT_VERSIONS = [2, 3, 5] as const;

/** A number of {@link SNP_REPORT_VERSIONS}. */
export type SnpReportVersion = (typeof SNP_REPORT_VERSIONS)[number];

/** SIGNING_KEY: the chip's own key, one that AMD has lent to a cloud provider, or none: then the report is unsigned. */
export type SnpSigningKey = 'VCEK' | 'VLEK' | 'NONE';

/** Family, model and stepping of the processor, extended parts included; from version 3 on. */
export interface SnpCpuid {
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
}

/** A decoded report (AMD 56860, "ATTESTATION_REPORT Structure"). Byte fields are views of the input, as stored. */
export interface SnpReport {
  readonly version: SnpReportVersion;
  readonly guestSvn: number;
  readonly policy: GuestPolicy;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  /** Privilege level that asked for the report: 0 to 3, or 0xffffffff when the host itself asked. */
  readonly vmpl: number;
  readonly platformInfo: PlatformInfo;
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  readonly signingKey: SnpSigningKey;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  readonly reportIdMigrationAgent: Uint8Array;
  /** TCB_VERSION, 8 bytes each; their meaning depends on the product, see `tcb.ts`. */
  readonly currentTcb: Uint8Array;
  readonly reportedTcb: Uint8Array;
  readonly committedTcb: Uint8Array;
  readonly launchTcb: Uint8Array;
  /** `undefined` in version 2. */
  readonly cpuid: SnpCpuid | undefined;
  /** 64 bytes; all zero when the host masks it. */
  readonly chipId: Uint8Array;
  /** Versions of the firmware as `major.minor.build`. */
  readonly currentFirmware: string;
  readonly committedFirmware: string;
  /** Which mitigations were in place at launch and now, 8 bytes each; `undefined` before version 5. */
  readonly mitigations: { readonly launch: Uint8Array; readonly current: Uint8Array } | undefined;
  readonly signed: Uint8Array;
  /** R and S of 48 bytes each, big-endian, in fresh memory. */
  readonly signature: Uint8Array;
}

/** SIGNATURE_ALGO: ECDSA on P-384 with SHA-384, the only one that there is. */
const ECDSA_P384_SHA384 = 1;

const SIGNING_KEYS: Readonly<Record<number, SnpSigningKey>> = { 0: 'VCEK', 1: 'VLEK', 7: 'NONE' };

/** R and S take 72 bytes each, little-endian, of which a P-384 scalar fills 48. */
const SCALAR_FIELD_BYTES = 72;
const SCALAR_BYTES = 48;

/**
 * Parses a report of exactly {@link SNP_REPORT_BYTES} bytes. Everything reserved must be zero, inside and outside the
 * signed part: what stands there can have no meaning that was published. Throws `MalformedInput`.
 */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_BYTES) {
    malformed(`SNP report of ${bytes.length} bytes, not ${SNP_REPORT_BYTES}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (offset: number, count: number): Uint8Array => bytes.subarray(offset, offset + count);
  const version = versionOf(view.getUint32(0, true));
  requireZeros(bytes, version);
  const algorithm = view.getUint32(0x34, true);
  if (algorithm !== ECDSA_P384_SHA384) malformed(`SNP report with the signature algorithm ${algorithm}`);
  return {
    version,
    guestSvn: view.getUint32(0x04, true),
    policy: guestPolicy(view.getBigUint64(0x08, true)),
    familyId: at(0x10, 16),
    imageId: at(0x20, 16),
    vmpl: view.getUint32(0x30, true),
    currentTcb: at(0x38, 8),
    platformInfo: platformInfo(view.getBigUint64(0x40, true)),
    ...keyFlags(view.getUint32(0x48, true)),
    reportData: at(0x50, 64),
    measurement: at(0x90, 48),
    hostData: at(0xc0, 32),
    idKeyDigest: at(0xe0, 48),
    authorKeyDigest: at(0x110, 48),
    reportId: at(0x140, 32),
    reportIdMigrationAgent: at(0x160, 32),
    reportedTcb: at(0x180, 8),
    cpuid: version === 2 ? undefined : cpuidOf(at(0x188, 3)),
    chipId: at(0x1a0, 64),
    committedTcb: at(0x1e0, 8),
    currentFirmware: firmwareText(at(0x1e8, 3)),
    committedFirmware: firmwareText(at(0x1ec, 3)),
    launchTcb: at(0x1f0, 8),
    mitigations: version === 5 ? { launch: at(0x1f8, 8), current: at(0x200, 8) } : undefined,
    signed: at(0, SNP_SIGNED_BYTES),
    signature: signatureOf(bytes.subarray(SNP_SIGNED_BYTES)),
  };
}

function versionOf(number: number): SnpReportVersion {
  const version = SNP_REPORT_VERSIONS.find((known) => known === number);
  return version ?? malformed(`SNP report of version ${number}; ${SNP_REPORT_VERSIONS.join(', ')} are read`);
}

/** Spans that the table of fields reserves, first byte and first byte after. */
function reservedSpans(version: SnpReportVersion): readonly (readonly [number, number])[] {
  return [
    [0x4c, 0x50],
    [version === 2 ? 0x188 : 0x18b, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    [version === 5 ? 0x208 : 0x1f8, SNP_SIGNED_BYTES],
  ];
}

function requireZeros(bytes: Uint8Array, version: SnpReportVersion): void {
  for (const [start, end] of reservedSpans(version)) {
    if (bytes.subarray(start, end).some((byte) => byte !== 0)) {
      malformed(`SNP report whose reserved bytes from 0x${start.toString(16)} on are not zero`);
    }
  }
}

/** The word at 0x48: AUTHOR_KEY_EN, MASK_CHIP_KEY, SIGNING_KEY; bits 31 to 5 must be zero. */
function keyFlags(word: number): Pick<SnpReport, 'authorKeyEnabled' | 'chipKeyMasked' | 'signingKey'> {
  if (word >= 1 << 5) malformed('SNP report whose reserved bits at 0x48 are not zero');
  const signingKey = SIGNING_KEYS[word >> 2];
  if (signingKey === undefined) return malformed(`SNP report with the signing key ${word >> 2}, which is reserved`);
  return { authorKeyEnabled: (word & 1) !== 0, chipKeyMasked: (word & 2) !== 0, signingKey };
}

function cpuidOf([family = 0, model = 0, stepping = 0]: Uint8Array): SnpCpuid {
  return { family, model, stepping };
}

/** Stored as build, minor, major. */
function firmwareText([build = 0, minor = 0, major = 0]: Uint8Array): string {
  return `${major}.${minor}.${build}`;
}

/** AMD 56860, "Format for an ECDSA P-384 with SHA-384 Signature": R, S, then zeros up to 512 bytes. */
function signatureOf(field: Uint8Array): Uint8Array {
  const r = scalarOf(field.subarray(0, SCALAR_FIELD_BYTES));
  const s = scalarOf(field.subarray(SCALAR_FIELD_BYTES, 2 * SCALAR_FIELD_BYTES));
  if (field.subarray(2 * SCALAR_FIELD_BYTES).some((byte) => byte !== 0)) {
    malformed('SNP report with bytes behind its signature');
  }
  return concat(r, s);
}

function scalarOf(field: Uint8Array): Uint8Array {
  if (field.subarray(SCALAR_BYTES).some((byte) => byte !== 0)) malformed('SNP report with a scalar above 384 bits');
  return field.subarray(0, SCALAR_BYTES).toReversed();
}
