import { expect } from 'chai';
import fc from 'fast-check';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { InvariantFault } from '#shared/fault/fault.ts';
import { type Opened, SealedChannel } from '#shared/protocol/channel.ts';
import { decodeFrame } from '#shared/protocol/frames.ts';
import { type TrafficKeys, trafficKeys } from '#shared/protocol/handshake.ts';
import { LIMITS } from '#shared/protocol/limits.ts';

function freshKeys(): TrafficKeys {
  const agreement = { th2: new Uint8Array(32), prk: nodeCrypto.randomBytes(32), joinKey: new Uint8Array(32) };
  return trafficKeys(agreement, new Uint8Array(1200), nodeCrypto);
}

function pair(keys = freshKeys()): { participant: SealedChannel; enclave: SealedChannel } {
  return {
    participant: new SealedChannel(keys, 'participant', nodeCrypto),
    enclave: new SealedChannel(keys, 'enclave', nodeCrypto),
  };
}

function open(channel: SealedChannel, frame: Uint8Array): Promise<Opened> {
  const decoded = decodeFrame(frame);
  if (decoded?.kind !== 'sealed') throw new Error('a sealed frame');
  return channel.open(decoded);
}

describe('the sealed channel', () => {
  it('carries any plaintexts in both directions in their order', async () => {
    const plaintexts = fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ minLength: 1, maxLength: 200 })), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(plaintexts, async (list) => {
        const { participant, enclave } = pair();
        for (const [outward, plaintext] of list) {
          const [from, to] = outward ? [participant, enclave] : [enclave, participant];
          expect(await open(to, await from.seal(plaintext))).to.deep.equal({ kind: 'opened', plaintext });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('tells a replayed frame', async () => {
    const { participant, enclave } = pair();
    const frame = await participant.seal(utf8('one'));
    await open(enclave, frame);
    expect(await open(enclave, frame)).to.deep.equal({ kind: 'tampered', code: 'FRAME_REPLAYED' });
  });

  it('tells a lost and a reordered frame', async () => {
    const { participant, enclave } = pair();
    await participant.seal(utf8('one'));
    expect(await open(enclave, await participant.seal(utf8('two')))).to.deep.equal({
      kind: 'tampered',
      code: 'FRAME_LOST',
    });
  });

  it('tells a frame with any bit flipped', async () => {
    const { participant, enclave } = pair();
    const frame = await participant.seal(utf8('one'));
    for (let bit = 8; bit < frame.length * 8; bit++) {
      const at = bit >> 3;
      const bent = frame.map((byte, index) => (index === at ? byte ^ (1 << (bit & 7)) : byte));
      // A flip in the upper bits of the sequence makes no frame at all.
      if (decodeFrame(bent) === undefined) expect(at).to.be.lessThan(9);
      else expect((await open(enclave, bent)).kind, `bit ${bit}`).to.equal('tampered');
    }
    expect(await open(enclave, frame)).to.deep.equal({ kind: 'opened', plaintext: utf8('one') });
  });

  it('opens no frame of its own, of the other direction or of another session', async () => {
    const { participant, enclave } = pair();
    const forged = { kind: 'tampered', code: 'FRAME_FORGED' };
    expect(await open(participant, await participant.seal(utf8('x')))).to.deep.equal(forged);
    expect(await open(pair().enclave, await enclave.seal(utf8('x')))).to.deep.equal(forged);
  });

  it('takes a fresh key each 2^16 frames, on both ends at once, and forgets the old one', async function () {
    this.timeout(30_000);
    const genuine = freshKeys();
    const asked: string[] = [];
    const keys: TrafficKeys = {
      th3: genuine.th3,
      keyFor: (direction, epoch) => {
        asked.push(`${direction} ${epoch}`);
        return genuine.keyFor(direction, epoch);
      },
      wipe: () => genuine.wipe(),
    };
    const { participant, enclave } = pair(keys);
    asked.length = 0;
    const plaintext = Uint8Array.of(1);
    const frames = 2 ** LIMITS.epochShift + 1;
    for (let i = 0; i < frames; i++) {
      const opened = await open(enclave, await participant.seal(plaintext));
      if (opened.kind !== 'opened') throw new Error(`frame ${i}: ${opened.code}`);
    }
    expect(asked).to.deep.equal(['to-enclave 1', 'to-enclave 1']);
  });

  it('once wiped seals nothing, rather than sealing under a key of zeros', async () => {
    const { participant } = pair();
    participant.wipe();
    const failure = await participant.seal(utf8('x')).catch((cause: unknown) => cause);
    expect(failure).to.be.instanceOf(InvariantFault);
  });
});
