/** A copy of `bytes` with the lowest bit of byte `at` flipped; counts from the end when negative. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const place = at < 0 ? bytes.length + at : at;
  if (place < 0 || place >= bytes.length) throw new RangeError(`byte ${at} of ${bytes.length}`);
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}
