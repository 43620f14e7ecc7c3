import { createConnection } from 'node:net';
import { concat, u32be } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { attesterFailed } from '../failure.ts';

/** One message to a device behind a unix socket, and its one answer. Rejects with `ATTESTER_FAILED`. */
export type FramedExchange = (to: FramedPeer, request: Uint8Array) => Promise<Uint8Array>;

/** A device behind a unix socket that speaks messages, each behind its u32 big-endian length. */
export interface FramedPeer {
  readonly socketPath: string;
  readonly answerBytesMax: number;
  readonly timeoutMs: number;
}

const LENGTH_BYTES = 4;

/** Sends one message over a connection of its own, which serves nothing else. */
export function exchangeFrames(to: FramedPeer, request: Uint8Array): Promise<Uint8Array> {
  const { socketPath, timeoutMs, answerBytesMax } = to;
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath });
    let received: Uint8Array = new Uint8Array(0);
    const timer = setTimeout(() => end(attesterFailed(`no answer on ${socketPath} within ${timeoutMs} ms`)), timeoutMs);
    const end = (result: Uint8Array | Fault): void => {
      clearTimeout(timer);
      socket.destroy();
      if (result instanceof Fault) reject(result);
      else resolve(result);
    };
    socket.on('error', (cause) => end(attesterFailed(`cannot talk to the device on ${socketPath}`, cause)));
    socket.on('close', () => end(attesterFailed(`the device on ${socketPath} hung up before its answer was whole`)));
    socket.on('connect', () => socket.write(concat(u32be(request.length), request)));
    socket.on('data', (chunk) => {
      received = concat(received, chunk);
      const answer = wholeAnswer(received, answerBytesMax);
      if (answer !== undefined) end(answer);
    });
  });
}

/** The answer once it has arrived, a fault for one that breaks the framing, `undefined` while more must come. */
function wholeAnswer(received: Uint8Array, bytesMax: number): Uint8Array | Fault | undefined {
  if (received.length < LENGTH_BYTES) return undefined;
  const length = new DataView(received.buffer, received.byteOffset).getUint32(0);
  if (length === 0 || length > bytesMax)
    return attesterFailed(`an answer of ${length} bytes, expected 1 to ${bytesMax}`);
  if (received.length > LENGTH_BYTES + length) return attesterFailed('bytes after the end of the answer');
  return received.length < LENGTH_BYTES + length ? undefined : received.slice(LENGTH_BYTES);
}
