import { concat, equalBytes, toHex, utf8 } from '../../bytes/bytes.ts';
import type { CryptoPort } from '../../crypto/port.ts';
import { malformed } from '../malformed.ts';
import type { Reason } from '../reasons.ts';
import type { EventLog, TpmEvent } from './event-log.ts';
import { NO_ACTION } from './event-log.ts';
import type { PcrBank, PcrValues } from './pcr.ts';
import { PCR_BANKS } from './pcr.ts';

const STARTUP_LOCALITY = utf8('StartupLocality\0');

/** Localities from which a TPM can be started: 0, 3, and 4 after a measurement by the hardware (H-CRTM). */
const LOCALITIES: readonly number[] = [0, 3, 4];

/**
 * The registers of `bank` that a log leads to, those alone that it measures into. Every register starts at zero, but
 * register 0 at the locality that the TPM was started from (TCG PC Client Platform Firmware Profile, section 10.4.5.3).
 * Throws `MalformedInput` where the log tells the locality twice, or after it was used.
 */
export function replay(
  { events }: EventLog,
  bank: PcrBank,
  crypto: Pick<CryptoPort, 'digest'>,
): ReadonlyMap<number, Uint8Array> {
  const registers = new Map<number, Uint8Array>();
  let first: Uint8Array | undefined;
  for (const event of events) {
    const { pcr, type } = event;
    if (type === NO_ACTION) {
      const locality = startupLocality(event);
      if (locality === undefined) continue;
      if (first !== undefined || registers.has(0)) malformed('event log: a startup locality that comes too late');
      first = new Uint8Array(PCR_BANKS[bank].bytes);
      first[first.length - 1] = locality;
      continue;
    }
    const digest = event.digests.get(bank);
    if (digest === undefined) return malformed(`event log: an event without a digest for bank ${bank}`);
    const before = registers.get(pcr) ?? (pcr === 0 ? first : undefined) ?? new Uint8Array(PCR_BANKS[bank].bytes);
    registers.set(pcr, crypto.digest(bank, concat(before, digest)));
  }
  return registers;
}

function startupLocality({ pcr, content }: TpmEvent): number | undefined {
  const { length } = STARTUP_LOCALITY;
  if (pcr !== 0 || content.length !== length + 1) return undefined;
  if (!equalBytes(content.subarray(0, length), STARTUP_LOCALITY)) return undefined;
  const locality = LOCALITIES.find((known) => known === content[length]);
  return locality ?? malformed(`event log: startup from locality ${content[length]}`);
}

/**
 * Where a log does not lead to the quoted registers, for every quoted bank and every register that the log measures
 * into and the quote covers. A bank that the log does not keep cannot be followed, and is a mismatch too.
 * Throws `MalformedInput` as {@link replay} does.
 */
export function replayReasons(log: EventLog, quoted: PcrValues, crypto: Pick<CryptoPort, 'digest'>): readonly Reason[] {
  return [...quoted].flatMap(([bank, values]): readonly Reason[] => {
    if (!log.banks.includes(bank)) {
      const detail = `the event log does not keep the quoted bank ${bank}`;
      return [{ code: 'EVENT_LOG_MISMATCH', detail, found: log.banks.join(' '), wanted: bank }];
    }
    return [...replay(log, bank, crypto)].flatMap(([index, replayed]): readonly Reason[] => {
      const value = values.get(index);
      if (value === undefined || equalBytes(value, replayed)) return [];
      const detail = `the event log leads to another value of register ${index} of bank ${bank} than the TPM signed`;
      return [{ code: 'EVENT_LOG_MISMATCH', detail, found: toHex(replayed), wanted: toHex(value) }];
    });
  });
}
