import { expect } from 'chai';
import { fromHex, toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { inclusionPath, inclusionPaths, leafHash, treeRoot, verifyInclusion } from '#shared/log/merkle.ts';

/** Leaves and roots of the reference tree that Certificate Transparency implementations test with. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  bytes,
);
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('Merkle tree', () => {
  it('of no leaves has the hash of nothing as its root', () => {
    expect(toHex(treeRoot([], nodeCrypto))).to.equal(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  it('has the known roots for one to eight leaves', () => {
    const found = LEAVES.map((_, index) => toHex(treeRoot(LEAVES.slice(0, index + 1), nodeCrypto)));
    expect(found).to.deep.equal(ROOTS);
  });

  it('gives the known inclusion path of leaf 0 of 8', () => {
    expect(inclusionPath(LEAVES, 0, nodeCrypto).map(toHex)).to.deep.equal([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
  });

  it('proves every leaf of every size up to 40, and no other leaf, place or size', () => {
    const all = Array.from({ length: 40 }, (_, index) => Uint8Array.of(index, 99));
    for (let size = 1; size <= all.length; size++) {
      const leaves = all.slice(0, size);
      const root = treeRoot(leaves, nodeCrypto);
      for (const [index, leaf] of leaves.entries()) {
        const path = inclusionPath(leaves, index, nodeCrypto);
        expect(verifyInclusion(leaf, { index, size, path }, root, nodeCrypto)).to.equal(true);
        expect(verifyInclusion(Uint8Array.of(index, 98), { index, size, path }, root, nodeCrypto)).to.equal(false);
        expect(verifyInclusion(leaf, { index: (index + 1) % size, size, path }, root, nodeCrypto)).to.equal(size === 1);
        expect(verifyInclusion(leaf, { index, size, path: [...path, root] }, root, nodeCrypto)).to.equal(false);
        if (size > 1)
          expect(verifyInclusion(leaf, { index, size, path: path.slice(1) }, root, nodeCrypto)).to.equal(false);
      }
    }
  });

  it('gives all paths at once, each as it is given alone, hashing every node once', () => {
    const all = Array.from({ length: 40 }, (_, index) => Uint8Array.of(index, 98));
    for (let size = 0; size <= all.length; size++) {
      const leaves = all.slice(0, size);
      let digests = 0;
      const paths = inclusionPaths(leaves, {
        digest(name, ...parts) {
          digests += 1;
          return nodeCrypto.digest(name, ...parts);
        },
      });
      expect(paths).to.deep.equal(leaves.map((_, index) => inclusionPath(leaves, index, nodeCrypto)));
      expect(digests).to.equal(Math.max(0, 2 * size - 1));
    }
  });

  it('refuses places that are no places', () => {
    const leaf = Uint8Array.of(1);
    const root = leafHash(leaf, nodeCrypto);
    for (const [index, size] of [
      [-1, 1],
      [1, 1],
      [0, 0],
      [0.5, 1],
      [0, Number.NaN],
      [Number.NaN, 1],
      [0, Infinity],
    ] as const) {
      expect(verifyInclusion(leaf, { index, size, path: [] }, root, nodeCrypto), `${index} of ${size}`).to.equal(false);
    }
  });

  it('refuses a path whose hashes are not 32 bytes', () => {
    const [leaf = new Uint8Array(0)] = LEAVES;
    const path = inclusionPath(LEAVES.slice(0, 2), 0, nodeCrypto).map((hash) => hash.subarray(1));
    expect(
      verifyInclusion(leaf, { index: 0, size: 2, path }, treeRoot(LEAVES.slice(0, 2), nodeCrypto), nodeCrypto),
    ).to.equal(false);
  });

  it('does not take a node for a leaf', () => {
    const [left = new Uint8Array(0), right = new Uint8Array(0)] = LEAVES;
    const node = new Uint8Array([...leafHash(left, nodeCrypto), ...leafHash(right, nodeCrypto)]);
    expect(
      verifyInclusion(node, { index: 0, size: 1, path: [] }, treeRoot([left, right], nodeCrypto), nodeCrypto),
    ).to.equal(false);
  });

  it('asked for the path of a leaf that it does not have, stops', () => {
    for (const index of [-1, 8, 0.5]) expect(() => inclusionPath(LEAVES, index, nodeCrypto)).to.throw('leaf');
  });
});

function bytes(hex: string): Uint8Array {
  const found = fromHex(hex);
  if (found === undefined) throw new Error(`not hexadecimal: ${hex}`);
  return found;
}
