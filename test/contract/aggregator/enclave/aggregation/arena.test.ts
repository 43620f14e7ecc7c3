import { createArena } from '#enclave/aggregation/arena.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { describeArena } from './arena-contract.ts';

const backend = await loadTensors();
describeArena(`wasm-simd + ${backend.name}`, (parameterCount, slots) =>
  createArena({ parameterCount, slots, backend }),
);
