import { expect } from 'chai';
import type { AggregationArena } from '#enclave/aggregation/arena.ts';
import { InvariantFault } from '#shared/fault/fault.ts';

/** Makes the implementation under test. */
export type ArenaFactory = (parameterCount: number, slots: number) => Promise<AggregationArena>;

/** The bytes of `values` as an upload carries them. */
export function wire(values: readonly number[] | Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  return bytes;
}

/** The sums as they are: a model of zeros with a divisor of one. */
export function sumsOf(arena: AggregationArena): Float32Array {
  const model = new Float32Array(arena.parameterCount);
  arena.applyMean(model, 1);
  return model;
}

/** Sizes around every boundary of vectors (4 values) and loop steps (32 values), and one that spans two tensor blocks. */
const SIZES = [1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 63, 64, 65, 127, 300, 262_145];
const NOT_SUMMABLE = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 64 * 1.000001, -3.4e38];

/** What every arena does, whatever computes it. */
export function describeArena(name: string, create: ArenaFactory): void {
  describe(`aggregation arena: ${name}`, () => {
    describeStaging(create);
    describeFolding(create);
    describeApplying(create);
    describeMisuse(create);
  });
}

function describeStaging(create: ArenaFactory): void {
  for (const bad of NOT_SUMMABLE) {
    it(`refuses ${bad} at every position of every length up to 70`, async () => {
      const arena = await create(70, 1);
      for (let length = 1; length <= 70; length++) {
        for (let position = 0; position < length; position++) {
          const values = new Float32Array(length).fill(-1.5);
          values[position] = bad;
          expect(arena.stage(0, 0, wire(values)), `${position} of ${length}`).to.equal(false);
        }
      }
      arena.dispose();
    });
  }

  it('accepts zeros, subnormals and the greatest magnitude of either sign', async () => {
    const arena = await create(40, 1);
    const values = new Float32Array(40).map((_, i) => [0, -0, 1e-45, -1e-40, 2 ** 64, -(2 ** 64)][i % 6] ?? 0);
    expect(arena.stage(0, 0, wire(values))).to.equal(true);
    arena.fold(0, 1);
    expect(sumsOf(arena)).to.deep.equal(values.map((value) => value + 0));
    arena.dispose();
  });

  it('refuses all NaN payloads, quiet and signalling', async () => {
    const arena = await create(33, 1);
    for (const bits of [0x7f800001, 0x7fc00000, 0x7fffffff, 0xff800001, 0xffffffff]) {
      const bytes = new Uint8Array(33 * 4);
      new DataView(bytes.buffer).setUint32(4 * 17, bits, true);
      expect(arena.stage(0, 0, bytes), bits.toString(16)).to.equal(false);
    }
    arena.dispose();
  });

  it('stages pieces of any whole number of values, from any alignment', async () => {
    const values = Float32Array.from({ length: 301 }, (_, i) => i - 150.25);
    const shifted = new Uint8Array(301 * 4 + 1);
    shifted.set(wire(values), 1);
    for (const piece of [4, 12, 28, 128, 132, 1204]) {
      const arena = await create(301, 1);
      for (let at = 0; at < 1204; at += piece) {
        expect(arena.stage(0, at, shifted.subarray(1 + at, 1 + Math.min(at + piece, 1204)))).to.equal(true);
      }
      arena.fold(0, 1);
      expect(sumsOf(arena)).to.deep.equal(values);
      arena.dispose();
    }
  });

  it('does not judge a piece by what lies beside it', async () => {
    const arena = await create(64, 1);
    expect(arena.stage(0, 0, wire(new Float32Array(64).fill(Number.NaN)))).to.equal(false);
    for (let at = 0; at < 64; at++) expect(arena.stage(0, 4 * at, wire([at])), String(at)).to.equal(true);
    arena.fold(0, 1);
    expect(sumsOf(arena)[63]).to.equal(63);
    arena.dispose();
  });
}

function describeFolding(create: ArenaFactory): void {
  it('adds weight times value for every length', async () => {
    for (const size of SIZES) {
      const arena = await create(size, 2);
      const values = Float32Array.from({ length: size }, (_, i) => (i % 1000) - 7);
      arena.stage(1, 0, wire(values));
      arena.fold(1, 3);
      arena.fold(1, 2);
      expect(sumsOf(arena), `${size} values`).to.deep.equal(values.map((value) => 5 * value));
      arena.dispose();
    }
  });

  it('rounds product and sum to float32, in the order of the calls', async () => {
    const arena = await create(5, 3);
    const updates = [
      [1e8, 0.1, -3.3, 1, 7e-40],
      [1, 0.2, 3.3, 2 ** -24, 7e-40],
      [-1e8, 0.3, 1e-7, 2 ** -24, 7e-40],
    ];
    const weights = [3, 7, 5];
    updates.forEach((update, slot) => {
      arena.stage(slot, 0, wire(update));
    });
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [2, 1, 0],
    ]) {
      arena.reset();
      const expected = new Float32Array(5);
      for (const slot of order) {
        arena.fold(slot, weights[slot] ?? 0);
        updates[slot]?.forEach((value, i) => {
          const product = Math.fround(Math.fround(value) * (weights[slot] ?? 0));
          expected[i] = Math.fround((expected[i] ?? 0) + product);
        });
      }
      expect(sumsOf(arena), order.join()).to.deep.equal(expected);
    }
    arena.dispose();
  });

  it('keeps slots apart and begins anew at offset 0', async () => {
    const arena = await create(3, 2);
    arena.stage(0, 0, wire([1, 2, 3]));
    arena.stage(1, 0, wire([10, 20, 30]));
    arena.stage(0, 0, wire([4, 5, 6]));
    arena.fold(0, 1);
    expect([...sumsOf(arena)]).to.deep.equal([4, 5, 6]);
    arena.fold(1, 1);
    expect([...sumsOf(arena)]).to.deep.equal([14, 25, 36]);
    arena.dispose();
  });

  it('forgets the sums on reset and keeps what is staged', async () => {
    const arena = await create(33, 1);
    arena.stage(0, 0, wire(new Float32Array(33).fill(2)));
    arena.fold(0, 4);
    arena.reset();
    expect(sumsOf(arena)).to.deep.equal(new Float32Array(33));
    arena.fold(0, 1);
    expect(sumsOf(arena)).to.deep.equal(new Float32Array(33).fill(2));
    arena.dispose();
  });

  it('stays finite when hostile updates of the greatest magnitude and weight are folded', async () => {
    const arena = await create(4, 1);
    arena.stage(0, 0, wire([2 ** 64, -(2 ** 64), 2 ** 64, 0]));
    for (let i = 0; i < 1000; i++) arena.fold(0, 2 ** 24);
    expect(sumsOf(arena).every(Number.isFinite)).to.equal(true);
    arena.dispose();
  });
}

function describeApplying(create: ArenaFactory): void {
  it('adds the mean to the model in place for every length, and leaves the sums', async () => {
    for (const size of SIZES) {
      const arena = await create(size, 1);
      arena.stage(0, 0, wire(Float32Array.from({ length: size }, (_, i) => i % 512)));
      arena.fold(0, 6);
      const model = new Float32Array(size).fill(0.5);
      arena.applyMean(model, 4);
      arena.applyMean(model, 2);
      expect(model, `${size} values`).to.deep.equal(model.map((_, i) => 0.5 + (i % 512) * 4.5));
      arena.dispose();
    }
  });

  it('gives the L2 norm, without overflow for the greatest magnitudes', async () => {
    for (const size of SIZES) {
      const arena = await create(size, 2);
      const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i + 1));
      arena.stage(1, 0, wire(values));
      const expected = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
      expect(arena.normL2(1), `${size} values`).to.be.closeTo(expected, expected * 1e-12);
      arena.stage(0, 0, wire(new Float32Array(size).fill(2 ** 64)));
      expect(arena.normL2(0)).to.be.closeTo(2 ** 64 * Math.sqrt(size), 2 ** 64 * Math.sqrt(size) * 1e-12);
      arena.dispose();
    }
  });
}

function describeMisuse(create: ArenaFactory): void {
  const misuse: readonly [string, (arena: AggregationArena) => unknown][] = [
    ['staging into a slot below the first', (arena) => arena.stage(-1, 0, wire([1]))],
    ['staging into a slot past the last', (arena) => arena.stage(2, 0, wire([1]))],
    ['staging into a slot that is no integer', (arena) => arena.stage(0.5, 0, wire([1]))],
    ['staging past the end', (arena) => arena.stage(0, 0, wire([1, 2, 3, 4]))],
    ['staging at a negative offset', (arena) => arena.stage(0, -4, wire([1]))],
    ['staging with a gap', (arena) => arena.stage(0, 4, wire([1]))],
    ['staging half a value', (arena) => arena.stage(0, 0, new Uint8Array(6))],
    ['staging nothing', (arena) => arena.stage(0, 0, new Uint8Array(0))],
    ['folding a slot past the last', (arena) => arena.fold(2, 1)],
    ['folding what was never staged', (arena) => arena.fold(0, 1)],
    ['taking the norm of what was never staged', (arena) => arena.normL2(0)],
    ['applying to a model of another size', (arena) => arena.applyMean(new Float32Array(4), 1)],
    ['applying with a divisor of 0', (arena) => arena.applyMean(new Float32Array(3), 0)],
    ['applying with a divisor of NaN', (arena) => arena.applyMean(new Float32Array(3), Number.NaN)],
    ['applying with an infinite divisor', (arena) => arena.applyMean(new Float32Array(3), Number.POSITIVE_INFINITY)],
  ];
  for (const [name, act] of misuse) {
    it(`faults on ${name}`, async () => {
      const arena = await create(3, 2);
      expect(() => act(arena)).to.throw(InvariantFault);
      arena.dispose();
    });
  }

  for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 24 + 2, 0.1]) {
    it(`faults on a weight of ${weight}`, async () => {
      const arena = await create(3, 1);
      arena.stage(0, 0, wire([1, 2, 3]));
      expect(() => arena.fold(0, weight)).to.throw(InvariantFault);
      arena.dispose();
    });
  }

  it('faults on folding a part of an update over the rest of an earlier one', async () => {
    const arena = await create(3, 1);
    arena.stage(0, 0, wire([1, 2, 3]));
    arena.stage(0, 0, wire([9, 9]));
    expect(() => arena.fold(0, 1)).to.throw(InvariantFault);
    arena.dispose();
  });

  it('faults on folding an update of which one piece was refused, though the rest was accepted', async () => {
    const arena = await create(3, 1);
    expect(arena.stage(0, 0, wire([Number.NaN]))).to.equal(false);
    expect(arena.stage(0, 4, wire([1, 2]))).to.equal(true);
    expect(() => arena.fold(0, 1)).to.throw(InvariantFault);
    arena.dispose();
  });

  it('faults on any use after it is disposed', async () => {
    const arena = await create(3, 1);
    arena.stage(0, 0, wire([1, 2, 3]));
    arena.dispose();
    expect(() => arena.stage(0, 0, wire([1]))).to.throw(InvariantFault);
    expect(() => arena.fold(0, 1)).to.throw(InvariantFault);
    expect(() => arena.applyMean(new Float32Array(3), 1)).to.throw(InvariantFault);
  });
}
