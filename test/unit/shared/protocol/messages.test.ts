import { expect } from 'chai';
import fc from 'fast-check';
import { encodeMsgpack } from '#shared/codec/msgpack.ts';
import {
  decodeToEnclave,
  decodeToParticipant,
  encodeMessage,
  MESSAGES,
  type Message,
  PHASES,
} from '#shared/protocol/messages.ts';

const u32 = fc.nat(0xffffffff);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const signed = fc.record({ payload: fc.uint8Array({ maxLength: 400 }), signature: bytes(64) });
const phase = fc.constantFrom(...PHASES);
const code = fc.stringMatching(/^[A-Z_]{1,48}$/);
const retryAfterMs = fc.nat(3_600_000);
const progress = fc.record({ updateId: bytes(16), next: u32 });

/** Every message, by name. */
const BODIES: Record<Message['name'], fc.Arbitrary<object>> = {
  welcome: fc.record({ signature: bytes(64), round: u32, phase }),
  round: fc.record({ opening: signed }),
  grant: progress,
  received: progress,
  receipt: fc.record({ receipt: signed }),
  refusal: fc.record({ refusal: signed }),
  released: fc.record({ round: u32, release: bytes(32) }),
  phase: fc.record({ round: u32, phase }),
  close: fc.record({ code, retryAfterMs }),
  begin: fc.record({ header: signed }),
  decline: fc.record({ round: u32, attempt: u32, reason: fc.string({ maxLength: 20 }) }),
  held: fc.record({ release: bytes(32) }),
  leave: fc.constant({}),
};

/** Arbitraries know no names of bodies; the record above pairs them. */
const anyMessage = fc
  .constantFrom(...(Object.keys(BODIES) as Message['name'][]))
  .chain((name) => BODIES[name].map((body) => ({ name, body }) as Message));

function decodeBoth(encoded: Uint8Array): { participant: unknown; enclave: unknown } {
  return { participant: decodeToParticipant(encoded), enclave: decodeToEnclave(encoded) };
}

describe('messages', () => {
  it('come back as they were, to their own receiver only', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const { participant, enclave } = decodeBoth(encodeMessage(message));
        const toEnclave = MESSAGES[message.name].to === 'enclave';
        expect(toEnclave ? enclave : participant).to.deep.equal(message);
        expect(toEnclave ? participant : enclave).to.equal(undefined);
      }),
    );
  });

  it('keep their tags, which no two share', () => {
    expect(Object.fromEntries(Object.entries(MESSAGES).map(([name, { tag }]) => [name, tag]))).to.deep.equal({
      welcome: 1,
      round: 2,
      grant: 3,
      received: 4,
      receipt: 5,
      refusal: 6,
      released: 7,
      phase: 8,
      close: 9,
      begin: 33,
      decline: 34,
      held: 35,
      leave: 36,
    });
  });

  it('with a key too many are refused', () => {
    fc.assert(
      fc.property(anyMessage, ({ name, body }) => {
        const encoded = encodeMsgpack([MESSAGES[name].tag, { ...body, extra: 1 }]);
        expect(decodeBoth(encoded)).to.deep.equal({ participant: undefined, enclave: undefined });
      }),
    );
  });

  it('with a key missing are refused', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), ({ name, body }, nth) => {
        const entries = Object.entries(body);
        fc.pre(entries.length > 0);
        const rest = Object.fromEntries(entries.toSpliced(nth % entries.length, 1));
        const encoded = encodeMsgpack([MESSAGES[name].tag, rest]);
        expect(decodeBoth(encoded)).to.deep.equal({ participant: undefined, enclave: undefined });
      }),
    );
  });

  it('with bytes after them, or cut short, are refused', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, cut) => {
        const encoded = encodeMessage(message);
        const longer = new Uint8Array([...encoded, 0xc0]);
        const shorter = encoded.subarray(0, cut % encoded.length);
        for (const each of [longer, shorter]) {
          expect(decodeBoth(each)).to.deep.equal({ participant: undefined, enclave: undefined });
        }
      }),
    );
  });

  it('with a key twice are refused', () => {
    // {round, round, phase}: a map of three whose decoded form would look whole.
    const encoded = encodeMessage({ name: 'phase', body: { round: 1, phase: 'idle' } });
    const round = encodeMsgpack({ round: 1 }).subarray(1);
    const doubled = new Uint8Array([...encoded.subarray(0, 2), 0x83, ...round, ...encoded.subarray(3)]);
    expect(decodeToParticipant(doubled)).to.equal(undefined);
  });

  it('with values outside their bounds are refused', () => {
    const bad: readonly [number, object][] = [
      [8, { round: -1, phase: 'idle' }],
      [8, { round: 2 ** 32, phase: 'idle' }],
      [8, { round: 1.5, phase: 'idle' }],
      [8, { round: 1, phase: 'lunch' }],
      [9, { code: 'lower', retryAfterMs: 0 }],
      [9, { code: 'SERVER_BUSY', retryAfterMs: 3_600_001 }],
      [7, { round: 1, release: new Uint8Array(31) }],
      [3, { updateId: new Uint8Array(17), next: 0 }],
      [2, { opening: { payload: new Uint8Array(16 * 1024 + 1), signature: new Uint8Array(64) } }],
      [34, { round: 1, attempt: 0, reason: 'r'.repeat(65) }],
    ];
    for (const [tag, body] of bad) {
      expect(decodeBoth(encodeMsgpack([tag, body]))).to.deep.equal({ participant: undefined, enclave: undefined });
    }
  });

  it('of arbitrary bytes are refused without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(40), (rest, tag) => {
        decodeBoth(rest);
        decodeBoth(new Uint8Array([0x92, tag, ...rest]));
      }),
    );
  });
});
