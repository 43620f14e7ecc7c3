import { EMPTY, fromHex } from '../../bytes/bytes.ts';
import type { JsonObject } from '../json.ts';
import { memberOf } from '../json.ts';
import { leavesDebugging } from './dbgstat.ts';
import { hexClaim, stated } from './hex-claim.ts';

/** Measurements of a trust domain and of an enclave by Intel's names, with their lengths in bytes. */
export const INTEL_MEASUREMENTS = {
  MRTD: 48,
  RTMR0: 48,
  RTMR1: 48,
  RTMR2: 48,
  RTMR3: 48,
  MRSEAM: 48,
  MRSIGNERSEAM: 48,
  MRCONFIGID: 48,
  MROWNER: 48,
  MROWNERCONFIG: 48,
  MRENCLAVE: 32,
  MRSIGNER: 32,
} as const;

/** Bytes of report data in quotes and SEV-SNP reports alike. */
const REPORT_DATA_BYTES = 64;

/**
 * The measurements that `claims` states under `<prefix><name>`, such as `tdx_mrtd` for the prefix `tdx_`: the names of
 * the EAT profile for TDX (draft-kdyxy-rats-tdx-eat-profile) and of Intel Trust Authority. Throws `MalformedInput`.
 */
export function intelMeasurements(claims: JsonObject, prefixes: readonly string[]): Readonly<Record<string, string>> {
  const found = Object.entries(INTEL_MEASUREMENTS).map(([name, byteCount]) => {
    const values = prefixes.map((prefix) => memberOf(claims, prefix + name.toLowerCase()));
    return [
      name,
      hexClaim(
        values.find((value) => value !== undefined),
        byteCount,
        name,
      ),
    ] as const;
  });
  return stated(Object.fromEntries(found));
}

/** The first of `values` that is stated, as 64 bytes of report data; empty when none is. Throws `MalformedInput`. */
export function reportDataOf(...values: readonly unknown[]): Uint8Array {
  const value = values.find((each) => each !== undefined);
  const hex = hexClaim(value, REPORT_DATA_BYTES, 'report data');
  return (hex === undefined ? undefined : fromHex(hex)) ?? EMPTY;
}

/**
 * Whether claims that say something of debugging leave it possible. `flags` must be false; `dbgstat` must say that it is
 * disabled; TD attributes must have no bit of their first byte set, whose bits all take the trust domain out of
 * protection (Intel TDX module ABI, ATTRIBUTES.TUD). Claims that say nothing at all leave it possible.
 */
export function isDebuggable(claims: {
  readonly flags: readonly unknown[];
  readonly dbgstat: unknown;
  readonly tdAttributes: unknown;
}): boolean {
  const flags = claims.flags.filter((flag) => flag !== undefined);
  const attributes = hexClaim(claims.tdAttributes, 8, 'TD attributes');
  if (flags.length === 0 && claims.dbgstat === undefined && attributes === undefined) return true;
  const tudSet = attributes !== undefined && !attributes.startsWith('00');
  return tudSet || flags.some((flag) => flag !== false) || leavesDebugging(claims.dbgstat);
}
