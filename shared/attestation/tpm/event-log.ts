import { equalBytes, utf8 } from '../../bytes/bytes.ts';
import { ByteReader } from '../byte-reader.ts';
import { malformed } from '../malformed.ts';
import type { PcrBank } from './pcr.ts';
import { algorithmText, bankOf, PCR_BANKS, PCR_COUNT } from './pcr.ts';

/** What firmware or a boot loader measured into one register. Byte fields are views of the log. */
export interface TpmEvent {
  /** The register; above 23 only for events that are not measured. */
  readonly pcr: number;
  /** TCG_EVENTTYPE. */
  readonly type: number;
  /** What the register was extended with, by bank; banks that are not read are left out. */
  readonly digests: ReadonlyMap<PcrBank, Uint8Array>;
  /** What the firmware says that it measured. Proved only where its digest is the one measured. */
  readonly content: Uint8Array;
}

/** A parsed event log. */
export interface EventLog {
  /** The banks that every event has a digest for. */
  readonly banks: readonly PcrBank[];
  readonly events: readonly TpmEvent[];
}

/** EV_NO_ACTION: an event that tells the reader something and is not measured. */
export const NO_ACTION = 3;

/** Bounds of ours, and the largest digest of the TCG Algorithm Registry. */
export const EVENT_LOG_LIMITS = { bytes: 60 * 1024, algorithms: 8, digestBytes: 64 } as const;

const SHA1_BYTES = PCR_BANKS.sha1.bytes;
const SPEC_ID = utf8('Spec ID Event03\0');
const MAJOR_VERSION = 2;
/** Register that some firmware gives events which belong to none. */
const NO_REGISTER = 0xffffffff;

/**
 * Parses the measurement log of a PC's firmware, which must fill `bytes` (TCG PC Client Platform Firmware Profile,
 * section 10.2): crypto-agile where the first event says so (TCG_PCR_EVENT2, section 10.2.2), else the SHA-1 log of older
 * firmware (TCG_PCR_EVENT). Throws `MalformedInput`.
 */
export function parseEventLog(bytes: Uint8Array): EventLog {
  if (bytes.length > EVENT_LOG_LIMITS.bytes) {
    malformed(`event log of ${bytes.length} bytes; at most ${EVENT_LOG_LIMITS.bytes}`);
  }
  const reader = new ByteReader(bytes, 'event log');
  const first = readLegacyEvent(reader);
  const sizes = digestSizes(first);
  const events = sizes === undefined ? [first] : [];
  while (reader.left > 0) events.push(sizes === undefined ? readLegacyEvent(reader) : readEvent(reader, sizes));
  const banks: readonly (PcrBank | undefined)[] = sizes === undefined ? ['sha1'] : [...sizes.keys()].map(bankOf);
  return { banks: banks.filter((bank) => bank !== undefined), events };
}

/** TCG_PCR_EVENT. */
function readLegacyEvent(reader: ByteReader): TpmEvent {
  const { pcr, type } = readHead(reader);
  const digests = new Map([['sha1' as const, reader.take(SHA1_BYTES)]]);
  return { pcr, type, digests, content: reader.take(reader.u32()) };
}

/** TCG_PCR_EVENT2: exactly one digest for each algorithm that the header lists. */
function readEvent(reader: ByteReader, sizes: ReadonlyMap<number, number>): TpmEvent {
  const { pcr, type } = readHead(reader);
  const count = reader.u32();
  if (count !== sizes.size) malformed(`event log: an event with ${count} digests, the header lists ${sizes.size}`);
  const seen = new Set<number>();
  const digests = new Map<PcrBank, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const algorithm = reader.u16();
    const size = sizes.get(algorithm);
    if (size === undefined || seen.has(algorithm)) {
      return malformed(`event log: a digest by ${algorithmText(algorithm)}, twice or not in the header`);
    }
    seen.add(algorithm);
    const digest = reader.take(size);
    const bank = bankOf(algorithm);
    if (bank !== undefined) digests.set(bank, digest);
  }
  return { pcr, type, digests, content: reader.take(reader.u32()) };
}

function readHead(reader: ByteReader): Pick<TpmEvent, 'pcr' | 'type'> {
  const pcr = reader.u32();
  const type = reader.u32();
  if (pcr >= PCR_COUNT && !(pcr === NO_REGISTER && type === NO_ACTION)) malformed(`event log: register ${pcr}`);
  return { pcr, type };
}

/**
 * The algorithms of a crypto-agile log and their digest sizes, from its TCG_EfiSpecIDEvent (section 10.4.5.1);
 * `undefined` where the first event is none.
 */
function digestSizes(first: TpmEvent): ReadonlyMap<number, number> | undefined {
  const { pcr, type, digests, content } = first;
  if (type !== NO_ACTION || !equalBytes(content.subarray(0, SPEC_ID.length), SPEC_ID)) return undefined;
  if (pcr !== 0 || digests.get('sha1')?.some((byte) => byte !== 0) === true) {
    malformed('event log: a header that is measured');
  }
  const reader = new ByteReader(content.subarray(SPEC_ID.length), 'event log header');
  reader.u32(); // platformClass: client or server, which changes nothing here.
  reader.u8(); // specVersionMinor
  const major = reader.u8();
  if (major !== MAJOR_VERSION) malformed(`event log header of version ${major}`);
  reader.u8(); // specErrata
  const uintnSize = reader.u8();
  if (uintnSize !== 1 && uintnSize !== 2) malformed(`event log header with integers of size ${uintnSize}`);
  const sizes = readAlgorithms(reader);
  reader.take(reader.u8()); // vendorInfo
  reader.end();
  return sizes;
}

function readAlgorithms(reader: ByteReader): ReadonlyMap<number, number> {
  const count = reader.u32();
  if (count === 0 || count > EVENT_LOG_LIMITS.algorithms) malformed(`event log header with ${count} algorithms`);
  const sizes = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const algorithm = reader.u16();
    const size = reader.u16();
    const bank = bankOf(algorithm);
    const wanted = bank === undefined ? size : PCR_BANKS[bank].bytes;
    if (sizes.has(algorithm) || size === 0 || size > EVENT_LOG_LIMITS.digestBytes || size !== wanted) {
      malformed(`event log header: ${algorithmText(algorithm)} twice or with digests of ${size} bytes`);
    }
    sizes.set(algorithm, size);
  }
  return sizes;
}
