import { assert } from '#shared/fault/fault.ts';

/**
 * Three loops in WebAssembly SIMD, assembled here from their instructions so that what runs is what is read.
 * Addresses and lengths are bytes in the one memory; `values..end` is a positive multiple of {@link STEP_BYTES}.
 * Only deterministic instructions: the same inputs in the same order give the same bits on every machine.
 */
export interface Kernels {
  /** `sums[i] = sums[i] + weight * values[i]` in float32, product and sum rounded separately. */
  readonly accumulate: (sums: number, values: number, end: number, weight: number) => void;
  /** 1 when any magnitude, as the bits of a float32 without its sign, is greater than `limitBits`; else 0. */
  readonly exceeds: (values: number, end: number, limitBits: number) => number;
  /** Sum of squares, squared and summed in float64. */
  readonly sumOfSquares: (values: number, end: number) => number;
}

/** Bytes that one turn of a loop takes: eight vectors of four float32. */
export const STEP_BYTES = 128;
/** A page of WebAssembly memory. */
export const PAGE_BYTES = 65_536;

declare global {
  // Neither the ECMAScript nor the Node typings hold the WebAssembly interface; these are the parts in use.
  namespace WebAssembly {
    class Memory {
      constructor(descriptor: { readonly initial: number; readonly maximum: number });
      readonly buffer: ArrayBuffer;
    }
    class Instance {
      constructor(module: object, imports: { readonly enclave: { readonly memory: Memory } });
      readonly exports: object;
    }
    const Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  }
}

type Code = readonly number[];

// WebAssembly 2.0 core specification, section 5: the instructions that are used, and no others.
const TYPE = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b, function: 0x60, nothing: 0x40 };
const END = 0x0b;
const I32_ADD = [0x6a];
const I32_LESS_UNSIGNED = [0x49];
const F64_ADD = [0xa0];
const V128_AND = vector(0x4e);
const V128_ANY_TRUE = vector(0x53);
const I32X4_SPLAT = vector(0x11);
const I32X4_GREATER_UNSIGNED = vector(0x3c);
const I32X4_MAX_UNSIGNED = vector(0xb9);
const F32X4_SPLAT = vector(0x13);
const F32X4_ADD = vector(0xe4);
const F32X4_MUL = vector(0xe6);
const F64X2_PROMOTE_LOW_F32X4 = vector(0x5f);
const F64X2_ADD = vector(0xf0);
const F64X2_MUL = vector(0xf2);

const get = (local: number): Code => [0x20, ...unsigned(local)];
const set = (local: number): Code => [0x21, ...unsigned(local)];
const constant = (value: number): Code => [0x41, ...signed(value)];
const load = (offset: number): Code => [...vector(0x00), 0, ...unsigned(offset)];
const loadLowHalf = (offset: number): Code => [...vector(0x5d), 0, ...unsigned(offset)];
const store = (offset: number): Code => [...vector(0x0b), 0, ...unsigned(offset)];
const f64Lane = (lane: number): Code => [...vector(0x21), lane];
const advance = (pointer: number): Code => [...get(pointer), ...constant(STEP_BYTES), ...I32_ADD, ...set(pointer)];
/** The body, then again while `pointer < end`. */
const loop = (pointer: number, end: number, body: Code): Code => [
  0x03,
  TYPE.nothing,
  ...body,
  ...get(pointer),
  ...get(end),
  ...I32_LESS_UNSIGNED,
  0x0d,
  0,
  END,
];
/** One piece of code for each `width` bytes of a step. */
const eachOffset = (width: number, code: (offset: number, index: number) => Code): Code =>
  Array.from({ length: STEP_BYTES / width }, (_, index) => code(index * width, index)).flat();

function accumulate(): Code {
  const [sums, values, end, weight, weights] = [0, 1, 2, 3, 4];
  return [
    ...get(weight),
    ...F32X4_SPLAT,
    ...set(weights),
    ...loop(values, end, [
      ...eachOffset(16, (at) => [
        ...get(sums),
        ...get(sums),
        ...load(at),
        ...get(values),
        ...load(at),
        ...get(weights),
        ...F32X4_MUL,
        ...F32X4_ADD,
        ...store(at),
      ]),
      ...advance(sums),
      ...advance(values),
    ]),
  ];
}

/** Without its sign, a float32 grows with its bits; infinities and NaNs are above every number (IEEE 754 section 3.4). */
function exceeds(): Code {
  const [values, end, limitBits, magnitude, greatest] = [0, 1, 2, 3, 4];
  return [
    ...constant(0x7fffffff),
    ...I32X4_SPLAT,
    ...set(magnitude),
    ...loop(values, end, [
      ...eachOffset(16, (at, index) => {
        const own = greatest + (index % 4);
        return [
          ...get(values),
          ...load(at),
          ...get(magnitude),
          ...V128_AND,
          ...get(own),
          ...I32X4_MAX_UNSIGNED,
          ...set(own),
        ];
      }),
      ...advance(values),
    ]),
    ...get(greatest),
    ...[1, 2, 3].flatMap((other) => [...get(greatest + other), ...I32X4_MAX_UNSIGNED]),
    ...get(limitBits),
    ...I32X4_SPLAT,
    ...I32X4_GREATER_UNSIGNED,
    ...V128_ANY_TRUE,
  ];
}

function sumOfSquares(): Code {
  const [values, end, pair, sum] = [0, 1, 2, 3];
  return [
    ...loop(values, end, [
      ...eachOffset(8, (at, index) => {
        const own = sum + (index % 4);
        return [
          ...get(values),
          ...loadLowHalf(at),
          ...F64X2_PROMOTE_LOW_F32X4,
          ...set(pair),
          ...get(own),
          ...get(pair),
          ...get(pair),
          ...F64X2_MUL,
          ...F64X2_ADD,
          ...set(own),
        ];
      }),
      ...advance(values),
    ]),
    ...get(sum),
    ...[1, 2, 3].flatMap((other) => [...get(sum + other), ...F64X2_ADD]),
    ...set(sum),
    ...get(sum),
    ...f64Lane(0),
    ...get(sum),
    ...f64Lane(1),
    ...F64_ADD,
  ];
}

/** The module: its memory is imported as `enclave.memory`, its functions are numbered in the order of the kernels. */
function assemble(pages: number): Uint8Array<ArrayBuffer> {
  const { i32, f32, f64 } = TYPE;
  const kernels = [
    { name: 'accumulate', takes: [i32, i32, i32, f32], gives: [], vectors: 1, code: accumulate() },
    { name: 'exceeds', takes: [i32, i32, i32], gives: [i32], vectors: 5, code: exceeds() },
    { name: 'sumOfSquares', takes: [i32, i32], gives: [f64], vectors: 5, code: sumOfSquares() },
  ];
  const memory = [...text('enclave'), ...text('memory'), 0x02, 0x01, ...unsigned(pages), ...unsigned(pages)];
  return new Uint8Array([
    0x00,
    0x61,
    0x73,
    0x6d,
    0x01,
    0x00,
    0x00,
    0x00,
    ...section(
      1,
      list(kernels.map(({ takes, gives }) => [TYPE.function, ...list(takes.map(one)), ...list(gives.map(one))])),
    ),
    ...section(2, list([memory])),
    ...section(3, list(kernels.map((_, index) => [index]))),
    ...section(7, list(kernels.map(({ name }, index) => [...text(name), 0x00, index]))),
    ...section(10, list(kernels.map(({ vectors, code }) => sized([...list([[vectors, TYPE.v128]]), ...code, END])))),
  ]);
}

/** The kernels over `memory`, whose size is fixed at `pages`. */
export function createKernels(memory: WebAssembly.Memory, pages: number): Kernels {
  const module = new WebAssembly.Module(assemble(pages));
  const { exports } = new WebAssembly.Instance(module, { enclave: { memory } });
  assert(holdsKernels(exports), 'the assembled module exports its kernels');
  return exports;
}

function holdsKernels(exports: object): exports is Kernels {
  return 'accumulate' in exports && 'exceeds' in exports && 'sumOfSquares' in exports;
}

function one(byte: number): Code {
  return [byte];
}

function vector(opcode: number): Code {
  return [0xfd, ...unsigned(opcode)];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(code: Code): Code {
  return [...unsigned(code.length), ...code];
}

function section(id: number, content: Code): Code {
  return [id, ...sized(content)];
}

function text(ascii: string): Code {
  return list([...ascii].map((character) => [character.charCodeAt(0)]));
}

/** LEB128 (core specification, section 5.2.2). */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...unsigned(Math.floor(value / 0x80))];
}

function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
