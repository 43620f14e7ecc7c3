/** One WebSocket frame (RFC 6455 section 5.2), unmasked. Only what the protocol uses: whole messages and controls. */
export interface WsFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

const FINAL = 0x80;
const MASKED = 0x80;
export const BINARY = 0x02;

/** Takes a byte stream apart into frames. */
export class WsFrameReader {
  #bytes = Buffer.alloc(0);

  push(bytes: Uint8Array): readonly WsFrame[] {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const frames: WsFrame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): WsFrame | undefined {
    const bytes = this.#bytes;
    const [first = 0, second = 0] = bytes;
    const short = second & 0x7f;
    const extended = short === 127 ? 8 : short === 126 ? 2 : 0;
    const masked = (second & MASKED) !== 0;
    const start = 2 + extended + (masked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length = extended === 8 ? Number(bytes.readBigUInt64BE(2)) : extended === 2 ? bytes.readUInt16BE(2) : short;
    if (bytes.length < start + length) return undefined;
    if ((first & FINAL) === 0) throw new Error('a fragmented message');
    const payload = Uint8Array.from(bytes.subarray(start, start + length));
    if (masked) {
      const mask = bytes.subarray(start - 4, start);
      payload.forEach((byte, index) => (payload[index] = byte ^ (mask[index % 4] ?? 0)));
    }
    this.#bytes = bytes.subarray(start + length);
    return { opcode: first & 0x0f, payload };
  }
}

/** Bytes of one frame; `masked` as a client must send it, under a mask of zeros. */
export function encodeWsFrame({ opcode, payload }: WsFrame, masked: boolean): Uint8Array {
  const extended = payload.length > 0xffff ? 8 : payload.length > 125 ? 2 : 0;
  const head = Buffer.alloc(2 + extended + (masked ? 4 : 0));
  head[0] = FINAL | opcode;
  head[1] = (masked ? MASKED : 0) | (extended === 8 ? 127 : extended === 2 ? 126 : payload.length);
  if (extended === 8) head.writeBigUInt64BE(BigInt(payload.length), 2);
  if (extended === 2) head.writeUInt16BE(payload.length, 2);
  return Uint8Array.from(Buffer.concat([head, payload]));
}
