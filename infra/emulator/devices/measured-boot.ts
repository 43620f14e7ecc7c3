import type { PcrBank } from '#shared/attestation/tpm/pcr.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import type { Digests } from '../measured.ts';
import { EVENT_TYPES, encodeEventLog, recordBoot, type WrittenEvent } from '../tpm/event-log.ts';
import { TpmRegisters } from '../tpm/registers.ts';

/** What an emulated machine has measured by the time its enclave runs. */
export interface MeasuredBoot {
  readonly registers: TpmRegisters;
  readonly events: readonly WrittenEvent[];
  /** The firmware's log of them, with the banks of {@link BOOT_BANKS}. */
  readonly log: Uint8Array;
}

/** Register that takes the bundle: systemd's for a unified kernel image, in which a bundle is part of what boots. */
export const BUNDLE_PCR = 11;
/** Banks that the machine's TPM keeps. */
export const BOOT_BANKS = ['sha256', 'sha384'] as const satisfies readonly PcrBank[];

/** Boots a machine with Secure Boot on, whose kernel image holds `bundle`. */
export function measuredBoot(bundle: Digests): MeasuredBoot {
  const registers = new TpmRegisters();
  const { events } = recordBoot(registers, {
    firmware: 'EMULATED firmware',
    secureBoot: true,
    loader: 'EMULATED boot loader',
    commandLine: 'EMULATED',
  });
  const digests = new Map<PcrBank, Uint8Array>([
    ['sha256', bundle.sha256],
    ['sha384', bundle.sha384],
  ]);
  registers.extend(BUNDLE_PCR, digests);
  events.push({ pcr: BUNDLE_PCR, type: EVENT_TYPES.ipl, digests, content: utf8('the enclave bundle') });
  return { registers, events, log: encodeEventLog(events, BOOT_BANKS) };
}
