/**
 * Frees the memory of `bytes` at once; nothing may read them afterwards. For large results of the platform (an opened
 * chunk, values read out of a tensor) once they have been copied to their place: left to the collector they pile up to
 * the size of a model, and the next one is written to cold memory. Views of a part of a buffer are left alone.
 */
export function giveBack(bytes: Uint8Array | Float32Array): void {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
