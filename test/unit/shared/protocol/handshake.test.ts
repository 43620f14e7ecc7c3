import { expect } from 'chai';
import fc from 'fast-check';
import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import { encodeMsgpack } from '#shared/codec/msgpack.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { decodeFrame, joinFrame, plainFrame } from '#shared/protocol/frames.ts';
import {
  type Agreement,
  type Attest,
  agree,
  decodeAttest,
  decodeClose,
  decodeHello,
  enclaveProof,
  encodeAttest,
  encodeClose,
  encodeHello,
  type Hello,
  type Join,
  openingTranscript,
  openJoin,
  participantProof,
  participantReportData,
  sealJoin,
  trafficKeys,
} from '#shared/protocol/handshake.ts';

const crypto = nodeCrypto;
const JOIN: Join = { participant: 'mary', signature: new Uint8Array(64).fill(3), evidence: null, holds: null };

/** One handshake, with everything that both ends know. */
interface Handshake {
  readonly helloFrame: Uint8Array;
  readonly attestFrame: Uint8Array;
  readonly joinFrameBytes: Uint8Array;
  readonly participant: Agreement;
  /** What the enclave derives from the frames as they reached it. */
  enclave(helloFrame: Uint8Array, attestFrame: Uint8Array, join: Uint8Array): Agreement;
}

async function shakeHands(): Promise<Handshake> {
  const ephemeral = crypto.xWing.generate();
  const attested = crypto.xWing.generate();
  const toEphemeral = crypto.xWing.encapsulate(ephemeral.publicKey);
  const toAttested = crypto.xWing.encapsulate(attested.publicKey);
  const hello: Hello = {
    version: 1,
    kem: crypto.xWing.id,
    manifestDigest: crypto.randomBytes(32),
    nonce: crypto.randomBytes(32),
    ephemeralKey: ephemeral.publicKey,
  };
  const attest: Attest = {
    platform: 'aws-nitro',
    document: crypto.randomBytes(200),
    endorsements: [{ kind: 'crl', bytes: crypto.randomBytes(20) }],
    kemKey: attested.publicKey,
    signingKey: crypto.randomBytes(32),
    nonceRoot: crypto.randomBytes(32),
    nonceIndex: 0,
    nonceCount: 1,
    noncePath: [],
    encapsulated: toEphemeral.encapsulated,
  };
  const helloFrame = plainFrame('hello', encodeHello(hello));
  const attestFrame = plainFrame('attest', encodeAttest(attest));
  const derive = (helloBytes: Uint8Array, attestBytes: Uint8Array, encapsulated: Uint8Array, secrets: Secrets) =>
    agree(openingTranscript(helloBytes, attestBytes, crypto), encapsulated, secrets, crypto);
  const attestedSecret = toAttested.sharedSecret;
  const ephemeralSecret = crypto.xWing.decapsulate(toEphemeral.encapsulated, ephemeral.secretKey);
  const secrets = { ephemeralSecret, attestedSecret };
  const participant = derive(helloFrame, attestFrame, toAttested.encapsulated, secrets);
  const joinFrameBytes = joinFrame(toAttested.encapsulated, await sealJoin(JOIN, participant, crypto));
  return {
    helloFrame,
    attestFrame,
    joinFrameBytes,
    participant,
    enclave: (helloBytes, attestBytes, join) => {
      const frame = decodeFrame(join);
      if (frame?.kind !== 'join') throw new Error('a join frame');
      const opened = crypto.xWing.decapsulate(frame.encapsulated, attested.secretKey);
      const own = { ephemeralSecret: toEphemeral.sharedSecret, attestedSecret: opened };
      return derive(helloBytes, attestBytes, frame.encapsulated, own);
    },
  };
}

type Secrets = Parameters<typeof agree>[2];

function sealedPart(join: Uint8Array): Uint8Array {
  return join.subarray(1 + 1120);
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

describe('the handshake', () => {
  let shaken: Handshake;

  before(async () => {
    shaken = await shakeHands();
  });

  it('gives both ends the same keys, and the enclave the join', async () => {
    const { helloFrame, attestFrame, joinFrameBytes, participant } = shaken;
    const enclave = shaken.enclave(helloFrame, attestFrame, joinFrameBytes);
    expect(enclave).to.deep.equal(participant);
    expect(await openJoin(sealedPart(joinFrameBytes), enclave, crypto)).to.deep.equal(JOIN);
    const [ours, theirs] = [participant, enclave].map((each) => trafficKeys(each, joinFrameBytes, crypto));
    expect(ours?.th3).to.deep.equal(theirs?.th3);
    expect(ours?.keyFor('to-enclave', 1)).to.deep.equal(theirs?.keyFor('to-enclave', 1));
  });

  it('gives a key of its own to each direction and epoch', () => {
    const keys = trafficKeys(shaken.participant, shaken.joinFrameBytes, crypto);
    const all = (['to-enclave', 'to-participant'] as const).flatMap((direction) =>
      [0, 1, 2, 0xffffffff].map((epoch) => toHex(keys.keyFor(direction, epoch))),
    );
    expect(new Set([...all, toHex(shaken.participant.joinKey)])).to.have.lengthOf(9);
    expect(keys.keyFor('to-enclave', 2)).to.deep.equal(keys.keyFor('to-enclave', 2));
  });

  it('breaks when any byte of hello or attest differs between the ends', async () => {
    const { helloFrame, attestFrame, joinFrameBytes } = shaken;
    const sealed = sealedPart(joinFrameBytes);
    for (let at = 0; at < helloFrame.length; at += 7) {
      const other = shaken.enclave(flipped(helloFrame, at), attestFrame, joinFrameBytes);
      expect(await openJoin(sealed, other, crypto), `hello byte ${at}`).to.equal(undefined);
    }
    for (let at = 0; at < attestFrame.length; at += 13) {
      const other = shaken.enclave(helloFrame, flipped(attestFrame, at), joinFrameBytes);
      expect(await openJoin(sealed, other, crypto), `attest byte ${at}`).to.equal(undefined);
    }
  });

  it('breaks when any byte of the join is altered', async () => {
    const { helloFrame, attestFrame, joinFrameBytes } = shaken;
    for (let at = 1; at < joinFrameBytes.length; at += at < 1120 ? 37 : 1) {
      const join = flipped(joinFrameBytes, at);
      const enclave = shaken.enclave(helloFrame, attestFrame, join);
      expect(await openJoin(sealedPart(join), enclave, crypto), `join byte ${at}`).to.equal(undefined);
    }
  });

  it('binds the traffic keys to the join frame as sent', () => {
    const [ours, others] = [shaken.joinFrameBytes, flipped(shaken.joinFrameBytes, 1200)].map((join) =>
      trafficKeys(shaken.participant, join, crypto),
    );
    expect(ours?.keyFor('to-enclave', 0)).to.not.deep.equal(others?.keyFor('to-enclave', 0));
  });

  it('gives another secret to whoever lacks one of the two', () => {
    const th1 = crypto.randomBytes(32);
    const encapsulated = new Uint8Array(1120);
    const [right, wrong] = [crypto.randomBytes(32), crypto.randomBytes(32)];
    const secrets = [
      { ephemeralSecret: right, attestedSecret: right },
      { ephemeralSecret: wrong, attestedSecret: right },
      { ephemeralSecret: right, attestedSecret: wrong },
    ];
    const keys = secrets.map((each) => toHex(agree(th1, encapsulated, each, crypto).joinKey));
    expect(new Set(keys)).to.have.lengthOf(3);
  });

  it('refuses a join that opens but is not one', async () => {
    const { participant } = shaken;
    for (const value of [{ ...JOIN, participant: 'Mary' }, { ...JOIN, extra: 1 }, [JOIN]]) {
      const sealed = await crypto.aesGcmSeal(
        participant.joinKey,
        new Uint8Array(12),
        participant.th2,
        encodeMsgpack(value),
      );
      expect(await openJoin(sealed, participant, crypto)).to.equal(undefined);
    }
  });

  it('has both ends sign different bytes', () => {
    const th = crypto.randomBytes(32);
    expect(equalBytes(participantProof(th), enclaveProof(th))).to.equal(false);
  });

  it('binds 64 bytes of a participant’s evidence to identity, study and session', () => {
    const all = [0, 1, 2, 3].map((which) => {
      const [identity, manifest, th1] = [1, 2, 3].map((each) => new Uint8Array(32).fill(each === which ? 9 : 0));
      if (identity === undefined || manifest === undefined || th1 === undefined) throw new Error('three fields');
      return participantReportData(identity, manifest, th1, crypto);
    });
    expect(all.every(({ length }) => length === 64)).to.equal(true);
    expect(new Set(all.map(toHex))).to.have.lengthOf(4);
  });

  it('decodes what it encodes, and nothing with a key too many or too long', () => {
    const { helloFrame, attestFrame } = shaken;
    const hello = decodeHello(helloFrame.subarray(1));
    const attest = decodeAttest(attestFrame.subarray(1));
    if (hello === undefined || attest === undefined) throw new Error('both decode');
    expect(encodeHello(hello)).to.deep.equal(helloFrame.subarray(1));
    expect(encodeAttest(attest)).to.deep.equal(attestFrame.subarray(1));
    expect(decodeHello(encodeMsgpack({ ...hello, extra: 0 }))).to.equal(undefined);
    expect(decodeHello(encodeMsgpack({ ...hello, nonce: new Uint8Array(33) }))).to.equal(undefined);
    expect(decodeAttest(encodeMsgpack({ ...attest, nonceCount: 0 }))).to.equal(undefined);
    expect(
      decodeAttest(encodeMsgpack({ ...attest, noncePath: Array.from({ length: 13 }, () => new Uint8Array(32)) })),
    ).to.equal(undefined);
    expect(decodeAttest(encodeMsgpack({ ...attest, document: new Uint8Array(64 * 1024 + 1) }))).to.equal(undefined);
    const close = { code: 'SERVER_BUSY', retryAfterMs: 5 };
    expect(decodeClose(encodeClose(close))).to.deep.equal(close);
    expect(decodeClose(encodeClose({ ...close, retryAfterMs: -1 }))).to.equal(undefined);
  });

  it('decodes arbitrary bytes to nothing, without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const decode of [decodeHello, decodeAttest]) expect(decode(bytes)).to.equal(undefined);
      }),
    );
  });
});
