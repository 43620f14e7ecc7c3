import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import fc from 'fast-check';
import { BoundaryReader, boundaryCodec } from '#boundary/frame.ts';
import { decodeFromHost, encodeFromHost, type FromHost } from '#boundary/from-host.ts';
import { BOUNDARY_LIMITS } from '#boundary/limits.ts';
import { decodeToHost, encodeToHost, type ToHost } from '#boundary/to-host.ts';
import { ENDORSEMENT_KINDS } from '#shared/attestation/evidence.ts';
import { concat, u32be } from '#shared/bytes/bytes.ts';
import { encodeMsgpack } from '#shared/codec/msgpack.ts';
import { InvariantFault } from '#shared/fault/fault.ts';

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 });
const id = fc.stringMatching(/^[a-z0-9-]{1,80}$/);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const text = fc.string({ unit: 'grapheme', maxLength: 100 });

const fromHost: fc.Arbitrary<FromHost> = fc.oneof(
  fc.record({ name: fc.constant('study' as const), body: fc.record({ envelope: bytes, weightsBytes: u32 }) }),
  fc.record({
    name: fc.constant('study-weights' as const),
    body: fc.record({ manifestDigest: digest, offset: u32, bytes, last: fc.boolean() }),
  }),
  fc.record({ name: fc.constant('command' as const), body: fc.record({ id, envelope: bytes }) }),
  fc.record({ name: fc.constant('release-stored' as const), body: fc.record({ release: digest }) }),
  fc.record({
    name: fc.constant('endorsements' as const),
    body: fc.record({
      items: fc.array(fc.record({ kind: fc.constantFrom(...ENDORSEMENT_KINDS), bytes }), { maxLength: 12 }),
    }),
  }),
);

const toHost: fc.Arbitrary<ToHost> = fc.oneof(
  fc.record({
    name: fc.constant('command-result' as const),
    body: fc.record({
      id,
      accepted: fc.boolean(),
      code: fc.constantFrom('COMMAND_EXPIRED', null),
      detail: text,
    }),
  }),
  fc.record({ name: fc.constant('command-progress' as const), body: fc.record({ id, round: u32, rounds: u32 }) }),
  fc.record({
    name: fc.constant('release-begin' as const),
    body: fc.record({ manifestDigest: digest, round: u32, transfer: u32, bytes: fc.integer({ min: 1, max: 5e9 }) }),
  }),
  fc.record({ name: fc.constant('release-chunk' as const), body: fc.record({ transfer: u32, offset: u32, bytes }) }),
  fc.record({
    name: fc.constant('log' as const),
    body: fc.record({
      level: fc.constantFrom('debug' as const, 'error' as const),
      event: fc.constant('round-opened'),
      fields: fc.dictionary(fc.stringMatching(/^[a-z][A-Za-z0-9]{0,8}$/), fc.oneof(text, fc.integer()), { maxKeys: 8 }),
    }),
  }),
);

/** Cuts `stream` at the given places, which may lie anywhere. */
function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (stream.length + 1)), stream.length].toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, i) => stream.slice(sorted[i], end));
}

const BODY = Type.Object({}, { additionalProperties: false });

/** A frame with a piece of a release of `length` bytes. */
function piece(length: number): Uint8Array {
  return encodeToHost({ name: 'release-chunk', body: { transfer: 1, offset: 0, bytes: new Uint8Array(length) } });
}

describe('boundary frames', () => {
  it('any messages of the host, cut anywhere, arrive as they were sent', () => {
    fc.assert(
      fc.property(fc.array(fromHost, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (messages, places) => {
        const reader = new BoundaryReader(decodeFromHost);
        const stream = concat(...messages.map(encodeFromHost));
        const readings = cut(stream, places).map((part) => reader.push(part));
        expect(readings.flatMap((reading) => reading.messages)).to.deep.equal(messages);
        expect(readings.every((reading) => reading.broken === undefined)).to.equal(true);
      }),
    );
  });

  it('any messages of the enclave, cut anywhere, arrive as they were sent', () => {
    fc.assert(
      fc.property(fc.array(toHost, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (messages, places) => {
        const reader = new BoundaryReader(decodeToHost);
        const readings = cut(concat(...messages.map(encodeToHost)), places).map((part) => reader.push(part));
        const arrived = readings.flatMap((reading) => reading.messages);
        expect(JSON.stringify(arrived)).to.equal(JSON.stringify(messages));
      }),
    );
  });

  it('a message of one direction is nothing in the other', () => {
    fc.assert(fc.property(fromHost, (message) => decodeToHost(encodeFromHost(message).subarray(4)) === undefined));
    fc.assert(fc.property(toHost, (message) => decodeFromHost(encodeToHost(message).subarray(4)) === undefined));
  });

  it('random bytes never throw and break the reader for good', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        const reader = new BoundaryReader(decodeFromHost);
        const first = reader.push(
          concat(u32be(Math.max(noise.length, 1)), noise.length === 0 ? Uint8Array.of(0) : noise),
        );
        if (first.broken === undefined) return first.messages.length === 1;
        const valid = encodeFromHost({ name: 'release-stored', body: { release: new Uint8Array(32) } });
        return reader.push(valid).messages.length === 0 && reader.push(valid).broken === first.broken;
      }),
    );
  });

  for (const [what, length] of [
    ['no bytes', 0],
    ['one byte more than the longest', BOUNDARY_LIMITS.messageBytesMax + 1],
    ['four gigabytes', 0xffff_ffff],
  ] as const) {
    it(`a length of ${what} breaks the reader before a body byte arrives`, () => {
      expect(new BoundaryReader(decodeFromHost).push(u32be(length)).broken).to.match(/^a message of \d+ bytes; 1 to/);
    });
  }

  it('a message before the broken one is still delivered', () => {
    const valid = encodeFromHost({ name: 'release-stored', body: { release: new Uint8Array(32) } });
    const reading = new BoundaryReader(decodeFromHost).push(concat(valid, u32be(0)));
    expect(reading.messages).to.have.length(1);
    expect(reading.broken).to.be.a('string');
  });

  it('a hundred bytes that claim gigabytes are refused without being built', () => {
    const claims = Array.from({ length: 20 }, () => Uint8Array.of(0xdd, 0x01, 0xff, 0xff, 0xff));
    expect(decodeFromHost(concat(Uint8Array.of(0x92, 5), ...claims))).to.equal(undefined);
  });

  const stored = { release: new Uint8Array(32) };
  for (const [what, value] of [
    ['an unknown tag', [7, stored]],
    ['an endorsement of a kind that nobody knows', [6, { items: [{ kind: 'letter', bytes: Uint8Array.of(1) }] }]],
    ['an empty endorsement', [6, { items: [{ kind: 'crl', bytes: new Uint8Array(0) }] }]],
    [
      'an endorsement that is too long',
      [6, { items: [{ kind: 'crl', bytes: new Uint8Array(BOUNDARY_LIMITS.endorsementBytesMax + 1) }] }],
    ],
    [
      'too many endorsements',
      [6, { items: Array.from({ length: 13 }, () => ({ kind: 'crl', bytes: Uint8Array.of(1) })) }],
    ],
    ['the reserved tag', [4, stored]],
    ['an unknown key', [5, { ...stored, more: 1 }]],
    ['a missing key', [5, {}]],
    ['a digest that is too short', [5, { release: new Uint8Array(31) }]],
    ['text for bytes', [5, { release: 'x'.repeat(32) }]],
    ['a third element', [5, stored, 0]],
    ['a map instead of a pair', { tag: 5 }],
  ] as const) {
    it(`${what} is refused`, () => {
      expect(decodeFromHost(encodeMsgpack(value))).to.equal(undefined);
    });
  }

  it('bytes after a message are refused', () => {
    const frame = encodeFromHost({ name: 'release-stored', body: stored });
    expect(decodeFromHost(frame.subarray(4))).to.not.equal(undefined);
    expect(decodeFromHost(concat(frame.subarray(4), Uint8Array.of(0xc0)))).to.equal(undefined);
  });

  it('the longest piece fits, a byte more is our own bug and stops us', () => {
    expect(decodeToHost(piece(BOUNDARY_LIMITS.pieceBytesMax).subarray(4))?.name).to.equal('release-chunk');
    expect(() => piece(BOUNDARY_LIMITS.pieceBytesMax + 1)).to.throw(InvariantFault, 'release-chunk');
  });

  it('two messages with one tag are our own bug and stop us', () => {
    const body = BODY;
    expect(() => boundaryCodec({ a: { tag: 1, body }, b: { tag: 1, body } })).to.throw(InvariantFault, 'share a tag');
    expect(() => boundaryCodec({ a: { tag: 128, body } })).to.throw(InvariantFault, 'one byte');
  });
});
