import { expect } from 'chai';
import {
  EVENT_TYPES,
  encodeEvent,
  encodeEventLog,
  encodeLegacyLog,
  type LogDefects,
  recordBoot,
  secureBootVariable,
  type WrittenEvent,
} from '#infra/emulator/tpm/event-log.ts';
import { digestsOf, TpmRegisters } from '#infra/emulator/tpm/registers.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { parseEventLog } from '#shared/attestation/tpm/event-log.ts';
import { PCR_BANK_NAMES, type PcrBank } from '#shared/attestation/tpm/pcr.ts';
import { replay, replayReasons } from '#shared/attestation/tpm/replay.ts';
import { secureBootOf } from '#shared/attestation/tpm/secure-boot.ts';
import { concat, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { bootedMachine, flipped } from './machine.ts';

const { registers, recorder } = bootedMachine();
const { events } = recorder;
const ALL = new Map(PCR_BANK_NAMES.map((bank) => [bank, Array.from({ length: 24 }, (_, index) => index)] as const));

function refusal(log: Uint8Array): string {
  const parsed = attempt(() => parseEventLog(log));
  return parsed.kind === 'parsed' ? '' : parsed.reason.detail;
}

function header(defects: LogDefects): string {
  return refusal(encodeEventLog(events, ['sha256'], defects));
}

describe('event log reader', () => {
  it('reads crypto-agile logs and those of SHA-1 alone', () => {
    const agile = parseEventLog(encodeEventLog(events, ['sha1', 'sha256']));
    expect(agile.banks).to.deep.equal(['sha1', 'sha256']);
    expect(agile.events).to.have.length(events.length);
    const legacy = parseEventLog(encodeLegacyLog(events));
    expect(legacy.banks).to.deep.equal(['sha1']);
    expect(legacy.events).to.have.length(events.length);
    expect(legacy.events[0]?.content).to.deep.equal(utf8('EMULATED firmware 1'));
  });

  it('reads over banks that nothing is made of', () => {
    const algorithms = [
      [0x000b, 32],
      [0x000d, 64],
    ] as const;
    const digests = concat(
      ...[0x0b, 0x0d].map((low) => concat(Uint8Array.of(low, 0), new Uint8Array(low === 0x0b ? 32 : 64))),
    );
    const entry = concat(Uint8Array.of(0, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0), digests, Uint8Array.of(1, 0, 0, 0, 9));
    const log = parseEventLog(concat(encodeEventLog([], [], { algorithms }), entry));
    expect(log.banks).to.deep.equal(['sha256']);
    expect([...(log.events[0]?.digests.keys() ?? [])]).to.deep.equal(['sha256']);
  });

  it('refuses a log that ends inside an event, wherever', () => {
    const log = encodeEventLog(events.slice(0, 2), ['sha1', 'sha256']);
    const ends = [0, 1, 2].map((count) => encodeEventLog(events.slice(0, count), ['sha1', 'sha256']).length);
    for (let length = 0; length < log.length; length += 1) {
      expect(refusal(log.subarray(0, length)) === '', `${length} bytes`).to.equal(ends.includes(length));
    }
  });

  it('refuses a header that says what it must not', () => {
    expect(header({})).to.equal('');
    expect(header({ uintnSize: 1 })).to.equal('');
    expect(header({ major: 1 })).to.contain('version 1');
    expect(header({ uintnSize: 3 })).to.contain('integers of size 3');
    expect(header({ headerDigest: new Uint8Array(20).fill(1) })).to.contain('header that is measured');
    expect(header({ headerTrailing: Uint8Array.of(0) })).to.contain('left over');
    expect(header({ algorithms: [] })).to.contain('0 algorithms');
    expect(header({ algorithms: Array.from({ length: 9 }, (_, i) => [i + 1, 20] as const) })).to.contain(
      '9 algorithms',
    );
    const doubled = [0x000b, 32] as const;
    expect(header({ algorithms: [doubled, doubled] })).to.contain('0x000b twice');
    expect(header({ algorithms: [[0x000b, 20]] })).to.contain('digests of 20 bytes');
    expect(header({ algorithms: [[0x000d, 65]] })).to.contain('digests of 65 bytes');
    expect(header({ algorithms: [[0x000d, 0]] })).to.contain('digests of 0 bytes');
  });

  it('refuses events that do not fit the header', () => {
    const [first] = events;
    if (first === undefined) throw new Error('no event');
    const head = encodeEventLog([], ['sha1', 'sha256']);
    const withEvent = (event: WrittenEvent, banks: readonly PcrBank[]): string =>
      refusal(concat(head, encodeEvent(event, banks)));
    expect(withEvent(first, ['sha256'])).to.contain('1 digests');
    expect(withEvent(first, ['sha256', 'sha256'])).to.contain('0x000b, twice or not in the header');
    expect(withEvent(first, ['sha1', 'sha384'])).to.contain('0x000c, twice or not in the header');
    expect(withEvent({ ...first, pcr: 24 }, ['sha1', 'sha256'])).to.contain('register 24');
    expect(withEvent({ ...first, pcr: 0xffffffff }, ['sha1', 'sha256'])).to.contain('register 4294967295');
    const note = { ...first, pcr: 0xffffffff, type: EVENT_TYPES.noAction };
    expect(withEvent(note, ['sha1', 'sha256'])).to.equal('');
  });

  it('refuses a log that is longer than any that is read', () => {
    expect(refusal(new Uint8Array(60 * 1024 + 1))).to.contain('at most 61440');
  });
});

describe('event log replay', () => {
  it('leads to the registers, in every bank', () => {
    const log = parseEventLog(encodeEventLog(events, PCR_BANK_NAMES));
    for (const bank of PCR_BANK_NAMES) {
      const replayed = replay(log, bank, nodeCrypto);
      expect([...replayed.keys()].toSorted()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      for (const [index, value] of replayed) expect(toHex(value)).to.equal(toHex(registers.read(bank, index)));
    }
    expect(replayReasons(log, registers.values(ALL), nodeCrypto)).to.deep.equal([]);
    const legacy = parseEventLog(encodeLegacyLog(events));
    const sha1 = registers.values(new Map([['sha1' as const, [0, 7, 8]]]));
    expect(replayReasons(legacy, sha1, nodeCrypto)).to.deep.equal([]);
  });

  it('begins register 0 at the locality that the TPM was started from', () => {
    for (const locality of [3, 4]) {
      const other = bootedMachine({ locality });
      const log = parseEventLog(encodeEventLog(other.recorder.events, ['sha256']));
      const quoted = other.registers.values(new Map([['sha256' as const, [0, 4, 7]]]));
      expect(replayReasons(log, quoted, nodeCrypto)).to.deep.equal([]);
      // Without the note the same events lead elsewhere.
      const silent = { ...log, events: log.events.slice(1) };
      expect(replayReasons(silent, quoted, nodeCrypto).map(({ code }) => code)).to.deep.equal(['EVENT_LOG_MISMATCH']);
    }
  });

  it('refuses a locality that is none, is told twice, or too late', () => {
    const noted = (...order: readonly (number | 'events')[]): string => {
      const fresh = recordBoot(new TpmRegisters(), {
        firmware: 'f',
        secureBoot: true,
        loader: 'l',
        commandLine: '',
      });
      const written = order.flatMap((each) => {
        if (each === 'events') return fresh.events;
        const content = concat(utf8('StartupLocality\0'), Uint8Array.of(each));
        return [{ pcr: 0, type: EVENT_TYPES.noAction, digests: digestsOf(content), content }];
      });
      const log = parseEventLog(encodeEventLog(written, ['sha256']));
      const result = attempt(() => replay(log, 'sha256', nodeCrypto));
      return result.kind === 'parsed' ? '' : result.reason.detail;
    };
    expect(noted(0, 'events')).to.equal('');
    expect(noted(1, 'events')).to.contain('locality 1');
    expect(noted(3, 3, 'events')).to.contain('too late');
    expect(noted('events', 3)).to.contain('too late');
  });

  it('leaves notes without a meaning here aside', () => {
    const content = utf8('StartupLocality\0');
    const zero = new Map([['sha256' as const, new Uint8Array(32)]]);
    const notes = [content, concat(content, Uint8Array.of(3, 0)), utf8('SP800-155 Event\0 ')].map((each) => ({
      pcr: 0,
      type: EVENT_TYPES.noAction,
      digests: zero,
      content: each,
    }));
    const elsewhere = { pcr: 1, type: EVENT_TYPES.noAction, digests: zero, content: concat(content, Uint8Array.of(3)) };
    const log = parseEventLog(encodeEventLog([...notes, elsewhere, ...events], ['sha256']));
    expect(toHex(replay(log, 'sha256', nodeCrypto).get(0) ?? content)).to.equal(toHex(registers.read('sha256', 0)));
  });

  it('refuses a quoted bank that the log does not keep', () => {
    const log = parseEventLog(encodeEventLog(events, ['sha1']));
    expect(replayReasons(log, registers.values(ALL), nodeCrypto).map(({ wanted }) => wanted)).to.deep.equal([
      'sha256',
      'sha384',
    ]);
    expect(attempt(() => replay(log, 'sha256', nodeCrypto)).kind).to.equal('refused');
  });

  it('leads elsewhere, or nowhere, with any byte of a register, type or digest flipped', () => {
    const bytes = encodeEventLog(events, ['sha256']);
    const head = encodeEventLog([], ['sha256']).length;
    const quoted = registers.values(new Map([['sha256' as const, Array.from({ length: 24 }, (_, index) => index)]]));
    let offset = head;
    for (const event of events) {
      const written = encodeEvent(event, ['sha256']).length - event.content.length - 4;
      for (let index = 0; index < written; index += 1) {
        // The type is not measured: unless the flip makes a note of the event, the registers stay what they are.
        if (index >= 4 && index < 8) continue;
        const altered = flipped(bytes, offset + index);
        const result = attempt(() => replayReasons(parseEventLog(altered), quoted, nodeCrypto));
        expect(result.kind === 'refused' || result.value.length > 0, `byte ${offset + index}`).to.equal(true);
      }
      offset += encodeEvent(event, ['sha256']).length;
    }
  });
});

describe('Secure Boot of an event log', () => {
  const separator = { pcr: 7, type: EVENT_TYPES.separator, content: new Uint8Array(4) };
  const variable = (enabled: boolean) => ({ pcr: 7, type: EVENT_TYPES.variable, content: secureBootVariable(enabled) });
  const read = (...written: readonly Omit<WrittenEvent, 'digests'>[]): boolean | undefined => {
    const full = written.map((event) => ({ ...event, digests: digestsOf(event.content) }));
    return secureBootOf(parseEventLog(encodeEventLog(full, ['sha256'])), 'sha256', nodeCrypto);
  };

  it('is what the firmware measured', () => {
    expect(read(variable(true), separator)).to.equal(true);
    expect(read(variable(false), separator)).to.equal(false);
    expect(read(variable(true), { ...separator, content: new Uint8Array(4).fill(0xff) })).to.equal(true);
  });

  it('is not known where firmware did not measure it, or twice', () => {
    expect(read()).to.equal(undefined);
    expect(read(separator)).to.equal(undefined);
    expect(read(variable(true))).to.equal(undefined);
    expect(read(variable(true), variable(true), separator)).to.equal(undefined);
    expect(read({ ...variable(true), pcr: 5 }, separator)).to.equal(undefined);
    expect(read({ ...variable(true), type: EVENT_TYPES.noAction }, separator)).to.equal(undefined);
  });

  it('is not what was measured after firmware, whatever the log calls it', () => {
    const hidden = { ...variable(false), type: EVENT_TYPES.eventTag };
    const renamed = { ...separator, type: EVENT_TYPES.eventTag };
    expect(read(hidden, renamed, variable(true), separator)).to.equal(false);
    expect(read(separator, variable(true), separator)).to.equal(undefined);
  });
});
