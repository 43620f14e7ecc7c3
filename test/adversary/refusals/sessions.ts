import { expect } from 'chai';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { chunkFrame, plainFrame } from '#shared/protocol/frames.ts';
import { encodeHello } from '#shared/protocol/handshake.ts';
import { flipped } from '#test/fakes/aggregator/flipped.ts';
import { ScriptedParticipant } from '#test/fakes/aggregator/participant.ts';
import { OFFENDER, type Stage } from './stage.ts';

/** Codes that end a session that was joined. */
export function joinedSessionRefusals(stage: Stage): void {
  const held = { name: 'held', body: { release: new Uint8Array(32) } } as const;

  for (const [what, bytes] of [
    ['an unknown kind', Uint8Array.of(0x77, 1)],
    ['one byte', Uint8Array.of(0x10)],
    ['no bytes', new Uint8Array(0)],
    ['a sealed frame of nothing but its header', Uint8Array.of(0x10, 0, 0, 0, 0, 0, 0, 0, 0)],
  ] as const) {
    it(`FRAME_MALFORMED for ${what}`, () =>
      stage.during(async (offender) => {
        offender.sendRaw(bytes);
        await stage.endsWith(offender, 'FRAME_MALFORMED');
        return undefined;
      }));
  }

  for (const [what, plaintext] of [
    ['that is not a message', Uint8Array.of(1, 2, 3)],
    ['with a tag of the other direction', Uint8Array.of(0x92, 9, 0x80)],
    ['with an unknown tag', Uint8Array.of(0x92, 0x7f, 0x80)],
    ['with a missing field', Uint8Array.of(0x92, 35, 0x80)],
  ] as const) {
    it(`FRAME_MALFORMED for a sealed plaintext ${what}`, () =>
      stage.during(async (offender) => {
        offender.sendRaw(await offender.seal(plaintext));
        await stage.endsWith(offender, 'FRAME_MALFORMED');
        return undefined;
      }));
  }

  it('FRAME_REPLAYED for a sealed frame sent twice', () =>
    stage.during(async (offender) => {
      const frame = await offender.seal(held);
      offender.sendRaw(frame);
      offender.sendRaw(frame.slice());
      await stage.endsWith(offender, 'FRAME_REPLAYED');
      return undefined;
    }));

  it('FRAME_LOST for a sealed frame whose predecessor never came', () =>
    stage.during(async (offender) => {
      await offender.seal(held);
      offender.sendRaw(await offender.seal(held));
      await stage.endsWith(offender, 'FRAME_LOST');
      return undefined;
    }));

  it('FRAME_FORGED for a flipped bit in a sealed frame', () =>
    stage.during(async (offender) => {
      offender.sendRaw(flipped(await offender.seal(held), 12));
      await stage.endsWith(offender, 'FRAME_FORGED');
      return undefined;
    }));

  it('MESSAGE_UNEXPECTED for a second hello', () =>
    stage.during(async (offender) => {
      offender.sendRaw(plainFrame('hello', Uint8Array.of(1, 2)));
      await stage.endsWith(offender, 'MESSAGE_UNEXPECTED');
      return undefined;
    }));

  it('SESSION_SUPERSEDED when the same participant joins again', () =>
    stage.during(async (offender) => {
      await stage.scene.join(OFFENDER);
      await stage.endsWith(offender, 'SESSION_SUPERSEDED');
      return undefined;
    }));
}

/** Codes before there is a session. */
export function handshakeRefusals(stage: Stage): void {
  const connected = () => ScriptedParticipant.connect(stage.scene.url, stage.scene.study, OFFENDER);

  it('MESSAGE_UNEXPECTED for a chunk before the hello', () =>
    stage.during(async () => {
      const stranger = await connected();
      stranger.sendRaw(chunkFrame(new Uint8Array(16), 0, new Uint8Array(20)));
      await stage.endsWith(stranger, 'MESSAGE_UNEXPECTED');
      return undefined;
    }));

  it('FRAME_MALFORMED for a hello that is not one, and for one with an unusable key', () =>
    stage.during(async () => {
      const stranger = await connected();
      stranger.sendRaw(plainFrame('hello', Uint8Array.of(0x80)));
      await stage.endsWith(stranger, 'FRAME_MALFORMED');
      // ML-KEM coefficients of 0xfff are outside the field (FIPS 203 section 7.2).
      const ephemeralKey = new Uint8Array(1216).fill(0xff);
      stage.provoked(await (await connected()).refusedHandshake({ hello: { ephemeralKey } }), 'FRAME_MALFORMED');
      return undefined;
    }));

  it('VERSION_UNSUPPORTED for another version and for another KEM', () =>
    stage.during(async () => {
      stage.provoked(await (await connected()).refusedHandshake({ hello: { version: 2 } }), 'VERSION_UNSUPPORTED');
      stage.provoked(await (await connected()).refusedHandshake({ hello: { kem: 0x20 } }), 'VERSION_UNSUPPORTED');
      return undefined;
    }));

  it('STUDY_UNKNOWN for a manifest that is not served', () =>
    stage.during(async () => {
      const hello = { manifestDigest: new Uint8Array(32) };
      stage.provoked(await (await connected()).refusedHandshake({ hello }), 'STUDY_UNKNOWN');
      return undefined;
    }));

  for (const [what, at] of [
    ['its encapsulated key', 100],
    ['its sealed part', 1200],
  ] as const) {
    it(`HANDSHAKE_FORGED for a join with a flipped bit in ${what}`, () =>
      stage.during(async () => {
        const joinFrame = (frame: Uint8Array) => flipped(frame, at);
        stage.provoked(await (await connected()).refusedHandshake({ joinFrame }), 'HANDSHAKE_FORGED');
        return undefined;
      }));
  }

  it('PARTICIPANT_UNKNOWN for a name that the manifest does not hold', () =>
    stage.during(async () => {
      const join = { participant: 'nobody' };
      stage.provoked(await (await connected()).refusedHandshake({ join }), 'PARTICIPANT_UNKNOWN');
      return undefined;
    }));

  it("PARTICIPANT_SIGNATURE_INVALID for another's key, and for another's name", () =>
    stage.during(async () => {
      const { secretKey: identitySecretKey } = nodeCrypto.ed25519Generate();
      const code = await (await connected()).refusedHandshake({ identitySecretKey });
      stage.provoked(code, 'PARTICIPANT_SIGNATURE_INVALID');
      const join = { participant: 'site-1' };
      stage.provoked(await (await connected()).refusedHandshake({ join }), 'PARTICIPANT_SIGNATURE_INVALID');
      return undefined;
    }));

  it('SERVER_BUSY for more frames than a session may have waiting', () =>
    stage.during(async () => {
      const stranger = await connected();
      const { publicKey: ephemeralKey } = nodeCrypto.xWing.generate();
      const { digest: manifestDigest } = stage.scene.study.study;
      const hello = { version: 1, kem: nodeCrypto.xWing.id, manifestDigest, nonce: new Uint8Array(32), ephemeralKey };
      // The device works on the quote while the rest arrives.
      const flood = Array.from({ length: 400 }, () => Uint8Array.of(0x01, 0));
      stranger.sendTogether([plainFrame('hello', encodeHello(hello)), ...flood]);
      await stage.endsWith(stranger, 'SERVER_BUSY');
      expect(stranger.closed).to.equal(true);
      return undefined;
    }));
}
