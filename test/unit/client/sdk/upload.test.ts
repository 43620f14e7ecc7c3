import { expect } from 'chai';
import { Envelope } from '#client/sdk/envelope.ts';
import type { ParticipantEvent } from '#client/sdk/events.ts';
import type { VerifiedOpening } from '#client/sdk/opening.ts';
import { Upload } from '#client/sdk/upload.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { HandClock } from '#test/fakes/hand-clock.ts';

const CHUNK_BYTES = 512 * 1024;
const TAG_BYTES = 16;

describe('an upload', () => {
  it('tells the bytes that it sent, though the session frees each chunk', async () => {
    const opening = {
      manifestDigest: new Uint8Array(32),
      round: 1,
      attempt: 1,
      kem: nodeCrypto.xWing.id,
      roundKey: nodeCrypto.xWing.generate().publicKey,
      baseRelease: new Uint8Array(32),
      layoutDigest: new Uint8Array(32),
      chunkBytes: CHUNK_BYTES,
      remainingMs: 1000,
    } as VerifiedOpening;
    const clock = new HandClock();
    const envelope = new Envelope(
      opening,
      { delta: new Float32Array((2 * CHUNK_BYTES) / 4), examples: 1, metrics: {} },
      {
        manifestDigest: opening.manifestDigest,
        participant: 'mary',
        identity: nodeCrypto.ed25519Generate(),
        policies: [],
      },
      { crypto: nodeCrypto, clock },
    );
    const lengths: number[] = [];
    const session = {
      send: async () => undefined,
      sendChunk: async (_updateId: Uint8Array, _index: number, sealed: Uint8Array) => {
        lengths.push(sealed.length);
        giveBack(sealed);
      },
    };
    const events: ParticipantEvent[] = [];
    const upload = new Upload(envelope, session, { clock, onEvent: (event) => events.push(event) });
    await upload.begin();
    upload.grant({ updateId: envelope.updateId, next: 0 });
    while (await upload.sendNext());
    const [prelude = 0, ...tensors] = lengths;
    expect(tensors).to.deep.equal([CHUNK_BYTES + TAG_BYTES, CHUNK_BYTES + TAG_BYTES]);
    expect(events.at(-1)).to.include({ kind: 'uploaded', bytes: prelude + 2 * (CHUNK_BYTES + TAG_BYTES), from: 0 });
  });
});
