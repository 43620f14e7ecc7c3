/** Whether bit `bit` of a little-endian bit field is set. */
export function isBitSet(field: Uint8Array, bit: number): boolean {
  return ((field[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

/** Whether any bit of `field` is set that is not among `known`. */
export function hasOtherBits(field: Uint8Array, known: readonly number[]): boolean {
  const left = Uint8Array.from(field);
  for (const bit of known) left[bit >> 3] = (left[bit >> 3] ?? 0) & ~(1 << (bit & 7));
  return left.some((byte) => byte !== 0);
}
