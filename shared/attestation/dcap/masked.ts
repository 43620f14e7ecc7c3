/** The bits of `value` that are set in `mask`, which is as long. */
export function masked(value: Uint8Array, mask: Uint8Array): Uint8Array {
  return value.map((byte, index) => byte & (mask[index] ?? 0));
}
