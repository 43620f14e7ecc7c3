import { expect } from 'chai';
import { concat, EMPTY, fromHex, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { InvariantFault } from '#shared/fault/fault.ts';
import {
  chunkCountOf,
  openChunk,
  sealChunk,
  sealedSize,
  sealedTensorBytes,
  tensorRange,
} from '#shared/stream/chunk-stream.ts';

const STREAM = { key: new Uint8Array(32).fill(1), prefix: utf8('prefix!'), aad: utf8('aad') };

describe('chunk stream', () => {
  it('has a chunk for the prelude and as many as the tensors fill', () => {
    const counts = [1, 99, 100, 101, 200, 201].map((tensorBytes) => chunkCountOf({ tensorBytes, chunkBytes: 100 }));
    expect(counts).to.deep.equal([2, 2, 2, 3, 3, 4]);
    expect(chunkCountOf({ tensorBytes: 0, chunkBytes: 100 })).to.equal(1);
  });

  it('carries every tensor byte once, in order, in sealed chunks of the stated size', () => {
    for (const tensorBytes of [1, 99, 100, 101, 250]) {
      const shape = { tensorBytes, chunkBytes: 100 };
      let [next, sealed] = [0, 0];
      for (let index = 1; index < chunkCountOf(shape); index++) {
        const { start, end } = tensorRange(shape, index);
        expect(start).to.equal(next);
        expect(end).to.be.greaterThan(start);
        expect(sealedSize(shape, index)).to.deep.equal({ min: end - start + 16, max: end - start + 16 });
        sealed += end - start + 16;
        next = end;
      }
      expect(next).to.equal(tensorBytes);
      expect(sealedTensorBytes(shape)).to.equal(sealed);
    }
  });

  it('allows a prelude of 1 byte to 16 KiB', () => {
    expect(sealedSize({ tensorBytes: 1, chunkBytes: 1 }, 0)).to.deep.equal({ min: 17, max: 16 * 1024 + 16 });
  });

  it('seals under the nonce of the protocol: prefix, index, mark on the last', async () => {
    const nonces = ['707265666978210000000100', '707265666978210000000201'];
    for (const [i, nonce] of nonces.entries()) {
      const sealed = await sealChunk(STREAM, { index: i + 1, count: 3 }, utf8('x'), crypto);
      const direct = await crypto.aesGcmSeal(STREAM.key, fromHex(nonce) ?? EMPTY, STREAM.aad, utf8('x'));
      expect(sealed).to.deep.equal(direct);
    }
  });

  it('opens a chunk at its own place only', async () => {
    const sealed = await sealChunk(STREAM, { index: 1, count: 3 }, utf8('x'), crypto);
    expect(await openChunk(STREAM, { index: 1, count: 3 }, sealed, crypto)).to.deep.equal(utf8('x'));
    expect(await openChunk(STREAM, { index: 2, count: 3 }, sealed, crypto)).to.equal(undefined);
    expect(await openChunk(STREAM, { index: 1, count: 2 }, sealed, crypto)).to.equal(undefined);
    const other = { ...STREAM, aad: concat(STREAM.aad, STREAM.aad) };
    expect(await openChunk(other, { index: 1, count: 3 }, sealed, crypto)).to.equal(undefined);
  });

  it('stops at places and shapes that do not exist', () => {
    const shape = { tensorBytes: 100, chunkBytes: 10 };
    for (const index of [0, 11, -1]) expect(() => tensorRange(shape, index)).to.throw(InvariantFault);
    expect(() => chunkCountOf({ tensorBytes: 2 ** 40, chunkBytes: 1 })).to.throw(InvariantFault);
    for (const bad of [-1, 0.5, Number.NaN]) {
      expect(() => chunkCountOf({ tensorBytes: bad, chunkBytes: 1 })).to.throw(InvariantFault);
      expect(() => chunkCountOf({ tensorBytes: 1, chunkBytes: bad })).to.throw(InvariantFault);
    }
    expect(() => sealChunk(STREAM, { index: 3, count: 3 }, EMPTY, crypto)).to.throw(InvariantFault);
    expect(() => sealChunk({ ...STREAM, prefix: EMPTY }, { index: 0, count: 3 }, EMPTY, crypto)).to.throw(
      InvariantFault,
    );
  });
});
