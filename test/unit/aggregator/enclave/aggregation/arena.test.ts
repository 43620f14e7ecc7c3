import { expect } from 'chai';
import { createArena, slotsThatFit } from '#enclave/aggregation/arena.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { Fault, InvariantFault } from '#shared/fault/fault.ts';

const GIB = 2 ** 30;

async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('createArena', () => {
  it('says what computes, for how many parameters and uploads', async () => {
    const backend = await loadTensors();
    const arena = await createArena({ parameterCount: 7, slots: 3, backend });
    expect(arena.backend).to.equal(`wasm-simd + ${backend.name}`);
    expect([arena.parameterCount, arena.slots]).to.deep.equal([7, 3]);
    arena.dispose();
  });

  it('answers CONFIG_INVALID with the number that fits when memory cannot be addressed', async () => {
    const backend = await loadTensors();
    const fault = await outcomeOf(createArena({ parameterCount: GIB / 4, slots: 3, backend }));
    expect(fault).to.be.instanceOf(Fault).and.to.include({ code: 'CONFIG_INVALID' });
    expect(String(fault)).to.include('at most 2 fit');
  });

  it('faults on no parameters and on no slots', async () => {
    const backend = await loadTensors();
    expect(await outcomeOf(createArena({ parameterCount: 0, slots: 1, backend }))).to.be.instanceOf(InvariantFault);
    expect(await outcomeOf(createArena({ parameterCount: 1, slots: 0, backend }))).to.be.instanceOf(InvariantFault);
  });
});

describe('slotsThatFit', () => {
  it('leaves room for the sums and for a last page', () => {
    expect(slotsThatFit(GIB / 4)).to.equal(2);
    expect(slotsThatFit(10_000_000)).to.equal(106);
    expect(slotsThatFit(2 * GIB)).to.equal(0);
  });

  it('gives a number of slots with which an arena works at the far end of its memory', async () => {
    const parameterCount = 2 ** 26;
    const slots = slotsThatFit(parameterCount);
    const arena = await createArena({ parameterCount, slots, backend: await loadTensors() });
    const piece = new Uint8Array(Float32Array.of(1).buffer);
    expect(arena.stage(slots - 1, 0, piece)).to.equal(true);
    const rest = new Uint8Array(2 ** 20);
    for (let at = 4; at < 4 * parameterCount; at += rest.length) {
      arena.stage(slots - 1, at, rest.subarray(0, Math.min(rest.length, 4 * parameterCount - at)));
    }
    expect(arena.normL2(slots - 1)).to.equal(1);
    arena.dispose();
  });
});
