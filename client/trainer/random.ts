/** A reproducible stream of numbers for shuffles and initial weights. Predictable by design: never for keys, nonces or noise. */
export interface SeededRandom {
  /** The next unsigned 32-bit integer. */
  uint32(): number;
  /** The next number in [0, 1), a multiple of 2^-32. */
  uniform(): number;
  /** The next integer in [0, bound), without modulo bias; `bound` from 1 to 2^32. */
  below(bound: number): number;
}

/** One step of SplitMix32 (Steele, Lea, Flood 2014, with the 32-bit finaliser of MurmurHash3): spreads a seed over a state. */
function splitMix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/**
 * xoshiro128** (Blackman and Vigna 2018), its state filled by SplitMix32 from `seed` and then from each of `streams`:
 * the same arguments give the same numbers on every machine, and other arguments an unrelated stream.
 * @param seed an integer; its low 32 bits count
 * @param streams further integers, such as a round and an epoch
 */
export function seededRandom(seed: number, ...streams: readonly number[]): SeededRandom {
  const mixed = streams.reduce((state, stream) => splitMix32(state ^ Math.imul(stream + 1, 0x27d4eb2f))(), seed >>> 0);
  const fill = splitMix32(mixed);
  let [a, b, c, d] = [fill(), fill(), fill(), fill()];
  const uint32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
  const below = (bound: number): number => {
    const fair = 2 ** 32 - (2 ** 32 % bound);
    let drawn = uint32();
    while (drawn >= fair) drawn = uint32();
    return drawn % bound;
  };
  return { uint32, below, uniform: () => uint32() / 2 ** 32 };
}

/** The integers 0 … count-1 in an order drawn from `random` (Fisher and Yates). */
export function shuffledIndices(count: number, random: SeededRandom): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    const held = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = held;
  }
  return order;
}
