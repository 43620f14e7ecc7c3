import { malformed } from '../malformed.ts';

/** The guest policy, fixed at launch and enforced by the firmware (AMD 56860, "Guest Policy Structure"). */
export interface GuestPolicy {
  readonly bits: bigint;
  /** Oldest version of the firmware's interface that may run the guest. */
  readonly abiMajor: number;
  readonly abiMinor: number;
  readonly smtAllowed: boolean;
  readonly migrationAgentAllowed: boolean;
  /** The host may read and write the guest's memory. */
  readonly debugAllowed: boolean;
  readonly singleSocketRequired: boolean;
  readonly cxlAllowed: boolean;
  readonly aes256XtsRequired: boolean;
  readonly raplDisabledRequired: boolean;
  readonly ciphertextHidingRequired: boolean;
  readonly pageSwapDisabled: boolean;
}

/** State of the machine when the report was made (AMD 56860, "PLATFORM_INFO Field"). */
export interface PlatformInfo {
  readonly bits: bigint;
  readonly smt: boolean;
  readonly tsme: boolean;
  readonly ecc: boolean;
  readonly raplDisabled: boolean;
  readonly ciphertextHiding: boolean;
  /** The firmware has found no two addresses that lead to the same memory (CVE-2024-21944, "BadRAM"). */
  readonly aliasCheckComplete: boolean;
  readonly tio: boolean;
}

/** Bit 17 is reserved and must be one. */
const MUST_BE_ONE = 17n;
/** Bits from here on are reserved and must be zero. */
const FIRST_RESERVED = 26n;

function isSet(bits: bigint, bit: bigint): boolean {
  return ((bits >> bit) & 1n) === 1n;
}

/** Splits POLICY. Throws `MalformedInput` where reserved bits are not as they must be. */
export function guestPolicy(bits: bigint): GuestPolicy {
  if (!isSet(bits, MUST_BE_ONE)) malformed('SNP guest policy without bit 17, which must be one');
  if (bits >> FIRST_RESERVED !== 0n) malformed('SNP guest policy with reserved bits, which must be zero');
  return {
    bits,
    abiMajor: Number((bits >> 8n) & 0xffn),
    abiMinor: Number(bits & 0xffn),
    smtAllowed: isSet(bits, 16n),
    migrationAgentAllowed: isSet(bits, 18n),
    debugAllowed: isSet(bits, 19n),
    singleSocketRequired: isSet(bits, 20n),
    cxlAllowed: isSet(bits, 21n),
    aes256XtsRequired: isSet(bits, 22n),
    raplDisabledRequired: isSet(bits, 23n),
    ciphertextHidingRequired: isSet(bits, 24n),
    pageSwapDisabled: isSet(bits, 25n),
  };
}

/**
 * Splits PLATFORM_INFO. Bits without a published name are let be: genuine Turin machines set bit 6, and none of them
 * can take back what the named ones say.
 */
export function platformInfo(bits: bigint): PlatformInfo {
  return {
    bits,
    smt: isSet(bits, 0n),
    tsme: isSet(bits, 1n),
    ecc: isSet(bits, 2n),
    raplDisabled: isSet(bits, 3n),
    ciphertextHiding: isSet(bits, 4n),
    aliasCheckComplete: isSet(bits, 5n),
    tio: isSet(bits, 7n),
  };
}
