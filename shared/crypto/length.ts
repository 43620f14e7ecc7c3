/** Throws unless `bytes` has exactly `length` bytes; `what` names it in the message. Shows the length, never the bytes. */
export function expectLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${what} has ${bytes.length} bytes, expected ${length}`);
}
