import { concat, equalBytes, fromHex } from '../../bytes/bytes.ts';
import type { CryptoPort } from '../../crypto/port.ts';
import { assert } from '../../fault/fault.ts';
import type { EventLog } from './event-log.ts';
import { NO_ACTION } from './event-log.ts';
import type { PcrBank } from './pcr.ts';

/** The register that firmware measures its Secure Boot variables into. */
const SECURE_BOOT_PCR = 7;

/**
 * UEFI_VARIABLE_DATA of the variable SecureBoot up to its one byte of value (TCG PC Client Platform Firmware Profile,
 * section 10.2.6): EFI_GLOBAL_VARIABLE, 10 characters, 1 byte, the name in UTF-16.
 */
const VARIABLE =
  '61dfe48bca93d211aa0d00e098032b8c0a00000000000000010000000000000053006500630075007200650042006f006f007400';

/** What firmware measures when it hands over to a boot loader (section 3.3.4.10 of the profile). */
const SEPARATORS = ['00000000', 'ffffffff'];

/**
 * Whether the firmware booted with Secure Boot on: by the digest of that variable, of which the log must hold exactly one
 * in register 7 before the separator; `undefined` where it does not prove it. Only digests are looked at, since nothing
 * vouches for the type and content that a log gives an event: whoever runs the machine could rename them, and extend
 * register 7 later with what firmware had measured. To be asked only of a log that leads to the quoted register.
 */
export function secureBootOf(
  { events }: EventLog,
  bank: PcrBank,
  crypto: Pick<CryptoPort, 'digest'>,
): boolean | undefined {
  const variable = (value: number): Uint8Array => crypto.digest(bank, concat(bytesOf(VARIABLE), Uint8Array.of(value)));
  const [off, on] = [variable(0), variable(1)];
  const separators = SEPARATORS.map((content) => crypto.digest(bank, bytesOf(content)));
  const measured = events
    .filter(({ pcr, type }) => pcr === SECURE_BOOT_PCR && type !== NO_ACTION)
    .map(({ digests }) => digests.get(bank))
    .filter((digest) => digest !== undefined);
  const end = measured.findIndex((digest) => separators.some((separator) => equalBytes(separator, digest)));
  const byFirmware = measured.slice(0, Math.max(end, 0));
  const [only, ...others] = byFirmware.filter((digest) => equalBytes(digest, on) || equalBytes(digest, off));
  return only === undefined || others.length > 0 ? undefined : equalBytes(only, on);
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  assert(bytes !== undefined, 'a measured value is not hexadecimal');
  return bytes;
}
