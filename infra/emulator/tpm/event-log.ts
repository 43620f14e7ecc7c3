import { PCR_BANK_NAMES, PCR_BANKS, type PcrBank } from '#shared/attestation/tpm/pcr.ts';
import { concat, EMPTY, utf8 } from '#shared/bytes/bytes.ts';
import { u16le, u32le } from '../bytes.ts';
import type { TpmRegisters } from './registers.ts';

/** TCG_EVENTTYPE of what an emulated boot measures. */
export const EVENT_TYPES = {
  noAction: 0x00000003,
  separator: 0x00000004,
  eventTag: 0x00000006,
  version: 0x00000008,
  ipl: 0x0000000d,
  variable: 0x80000001,
  application: 0x80000003,
  action: 0x80000007,
} as const;

/** One entry of a log. */
export interface WrittenEvent {
  readonly pcr: number;
  readonly type: number;
  readonly digests: ReadonlyMap<PcrBank, Uint8Array>;
  readonly content: Uint8Array;
}

const SHA1_BYTES = PCR_BANKS.sha1.bytes;

/** Collects what a boot measures, and extends the registers with it. */
export class EventRecorder {
  readonly events: WrittenEvent[] = [];
  readonly #registers: TpmRegisters;

  constructor(registers: TpmRegisters) {
    this.#registers = registers;
  }

  /** Measures `measured`, by default what the event shows. */
  measure(pcr: number, type: number, content: Uint8Array, measured = content): void {
    this.events.push({ pcr, type, content, digests: this.#registers.measure(pcr, measured) });
  }

  /** Notes an event that is not measured. */
  note(pcr: number, content: Uint8Array): void {
    const digests = new Map(PCR_BANK_NAMES.map((bank) => [bank, new Uint8Array(PCR_BANKS[bank].bytes)] as const));
    this.events.push({ pcr, type: EVENT_TYPES.noAction, content, digests });
  }
}

/** What an emulated machine boots. */
export interface Boot {
  readonly firmware: string;
  readonly secureBoot: boolean;
  readonly loader: string;
  readonly commandLine: string;
  /** Where the TPM is started from; the log says so where it is not 0. */
  readonly locality?: number;
}

/** Boots: firmware into register 0, Secure Boot into 7, the loader into 4, the command line into 8. */
export function recordBoot(registers: TpmRegisters, boot: Boot): EventRecorder {
  const recorder = new EventRecorder(registers);
  const { locality = 0 } = boot;
  if (locality !== 0) recorder.note(0, concat(utf8('StartupLocality\0'), Uint8Array.of(locality)));
  recorder.measure(0, EVENT_TYPES.version, utf8(boot.firmware));
  recorder.measure(7, EVENT_TYPES.variable, secureBootVariable(boot.secureBoot));
  recorder.measure(4, EVENT_TYPES.action, utf8('Calling EFI Application from Boot Option'));
  for (const pcr of [0, 1, 2, 3, 4, 5, 6, 7]) recorder.measure(pcr, EVENT_TYPES.separator, new Uint8Array(4));
  recorder.measure(4, EVENT_TYPES.application, imageLoadEvent(), utf8(boot.loader));
  recorder.measure(8, EVENT_TYPES.ipl, utf8(`kernel_cmdline: ${boot.commandLine}\0`), utf8(boot.commandLine));
  return recorder;
}

/** UEFI_IMAGE_LOAD_EVENT of an image at no address and without a path: the digest is of the image, not of this. */
function imageLoadEvent(): Uint8Array {
  return new Uint8Array(4 * 8);
}

/** UEFI_VARIABLE_DATA of the variable SecureBoot. */
export function secureBootVariable(enabled: boolean): Uint8Array {
  const owner = Uint8Array.of(
    0x61,
    0xdf,
    0xe4,
    0x8b,
    0xca,
    0x93,
    0xd2,
    0x11,
    0xaa,
    0x0d,
    0,
    0xe0,
    0x98,
    0x03,
    0x2b,
    0x8c,
  );
  const name = 'SecureBoot';
  const units = [...name].map((character) => u16le(character.charCodeAt(0)));
  const lengths = [name.length, 1].flatMap((count) => [u32le(count), u32le(0)]);
  return concat(owner, ...lengths, ...units, Uint8Array.of(enabled ? 1 : 0));
}

/** How a test bends a log's header. */
export interface LogDefects {
  /** TPM_ALG_ID and digest size, by default those of `banks`. */
  readonly algorithms?: readonly (readonly [algorithm: number, bytes: number])[];
  readonly major?: number;
  readonly uintnSize?: number;
  readonly headerDigest?: Uint8Array;
  /** Bytes behind vendorInfo. */
  readonly headerTrailing?: Uint8Array;
}

/** A crypto-agile log (TCG PC Client Platform Firmware Profile section 10.2.2) of some banks. */
export function encodeEventLog(
  events: readonly WrittenEvent[],
  banks: readonly PcrBank[],
  defects: LogDefects = {},
): Uint8Array {
  const { headerDigest = new Uint8Array(SHA1_BYTES) } = defects;
  const header = specId(banks, defects);
  const first = concat(u32le(0), u32le(EVENT_TYPES.noAction), headerDigest, u32le(header.length), header);
  return concat(first, ...events.map((event) => encodeEvent(event, banks)));
}

/** TCG_PCR_EVENT2. */
export function encodeEvent({ pcr, type, digests, content }: WrittenEvent, banks: readonly PcrBank[]): Uint8Array {
  const listed = banks.flatMap((bank) => [u16le(PCR_BANKS[bank].algorithm), digests.get(bank) ?? EMPTY]);
  return concat(u32le(pcr), u32le(type), u32le(banks.length), ...listed, u32le(content.length), content);
}

/** The log of older firmware: TCG_PCR_EVENT entries with SHA-1 alone. */
export function encodeLegacyLog(events: readonly WrittenEvent[]): Uint8Array {
  return concat(
    ...events.flatMap(({ pcr, type, digests, content }) => [
      u32le(pcr),
      u32le(type),
      digests.get('sha1') ?? EMPTY,
      u32le(content.length),
      content,
    ]),
  );
}

/** TCG_EfiSpecIDEvent. */
function specId(banks: readonly PcrBank[], defects: LogDefects): Uint8Array {
  const algorithms = defects.algorithms ?? banks.map((bank) => [PCR_BANKS[bank].algorithm, PCR_BANKS[bank].bytes]);
  const vendorInfo = utf8('EMULATED');
  return concat(
    utf8('Spec ID Event03\0'),
    u32le(0),
    Uint8Array.of(0, defects.major ?? 2, 0, defects.uintnSize ?? 2),
    u32le(algorithms.length),
    ...algorithms.flatMap(([algorithm = 0, bytes = 0]) => [u16le(algorithm), u16le(bytes)]),
    Uint8Array.of(vendorInfo.length),
    vendorInfo,
    defects.headerTrailing ?? EMPTY,
  );
}
