import { equalBytes } from '../bytes/bytes.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { assert } from '../fault/fault.ts';

/**
 * Merkle trees as RFC 9162 section 2.1 defines them, over SHA-256. Leaves and nodes are hashed under different
 * prefixes, so that neither passes for the other.
 */
type Hasher = Pick<CryptoPort, 'digest'>;

const LEAF = Uint8Array.of(0x00);
const NODE = Uint8Array.of(0x01);
const HASH_BYTES = 32;

/** Place of a leaf in a tree of `size` leaves, and the hashes beside its way to the root, lowest first. */
export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
}

/** Hash of one leaf, 32 bytes. */
export function leafHash(leaf: Uint8Array, crypto: Hasher): Uint8Array {
  return crypto.digest('sha256', LEAF, leaf);
}

/** Root over `leaves` in their order, 32 bytes; of no leaves, the hash of nothing (RFC 9162 section 2.1.1). */
export function treeRoot(leaves: readonly Uint8Array[], crypto: Hasher): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return crypto.digest('sha256');
  if (leaves.length === 1) return leafHash(first, crypto);
  const split = splitPoint(leaves.length);
  return nodeHash(treeRoot(leaves.slice(0, split), crypto), treeRoot(leaves.slice(split), crypto), crypto);
}

/** Inclusion path of leaf `index` (RFC 9162 section 2.1.3.1), lowest hash first. `index` must be one of the leaves. */
export function inclusionPath(leaves: readonly Uint8Array[], index: number, crypto: Hasher): readonly Uint8Array[] {
  assert(Number.isSafeInteger(index) && index >= 0 && index < leaves.length, `leaf ${index} of ${leaves.length}`);
  if (leaves.length === 1) return [];
  const split = splitPoint(leaves.length);
  const left = leaves.slice(0, split);
  const right = leaves.slice(split);
  return index < split
    ? [...inclusionPath(left, index, crypto), treeRoot(right, crypto)]
    : [...inclusionPath(right, index - split, crypto), treeRoot(left, crypto)];
}

/** Inclusion paths of all `leaves`, in their order: each as `inclusionPath` gives it, from one tree. */
export function inclusionPaths(leaves: readonly Uint8Array[], crypto: Hasher): readonly (readonly Uint8Array[])[] {
  const paths: Uint8Array[][] = leaves.map(() => []);
  if (leaves.length > 0) rootWithPaths(leaves, { start: 0, end: leaves.length }, paths, crypto);
  return paths;
}

/** Root of the leaves in `range`, which holds at least one; puts onto each path what stands beside it on the way. */
function rootWithPaths(
  leaves: readonly Uint8Array[],
  range: { readonly start: number; readonly end: number },
  paths: readonly Uint8Array[][],
  crypto: Hasher,
): Uint8Array {
  const { start, end } = range;
  const only = leaves[start];
  assert(only !== undefined, 'a range lies within the leaves');
  if (end - start === 1) return leafHash(only, crypto);
  const middle = start + splitPoint(end - start);
  const left = rootWithPaths(leaves, { start, end: middle }, paths, crypto);
  const right = rootWithPaths(leaves, { start: middle, end }, paths, crypto);
  paths.slice(start, middle).forEach((path) => path.push(right));
  paths.slice(middle, end).forEach((path) => path.push(left));
  return nodeHash(left, right, crypto);
}

/** Whether `proof` shows that `leaf` is in the tree under `root` (RFC 9162 section 2.1.3.2). For a peer's input. */
export function verifyInclusion(leaf: Uint8Array, proof: InclusionProof, root: Uint8Array, crypto: Hasher): boolean {
  const { index, size, path } = proof;
  const inTree = Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size;
  if (!inTree || path.some((each) => each.length !== HASH_BYTES)) return false;
  // `place` and `last` climb together: the leaf's place and that of the last node, level by level.
  let place = index;
  let last = size - 1;
  let hash = leafHash(leaf, crypto);
  for (const sibling of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(sibling, hash, crypto);
      // A last node without a right sibling rises unchanged until it is a right child.
      while (place % 2 === 0 && place > 0) {
        place /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling, crypto);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, root);
}

function nodeHash(left: Uint8Array, right: Uint8Array, crypto: Hasher): Uint8Array {
  return crypto.digest('sha256', NODE, left, right);
}

/** The largest power of two below `count`, which is at least 2. */
function splitPoint(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}
