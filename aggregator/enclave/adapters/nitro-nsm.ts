import { createConnection } from 'node:net';
import type { Attestation, Attester } from '#enclave/ports/attester.ts';
import { type CborItem, decodeCbor } from '#shared/attestation/cbor/decode.ts';
import { encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { concat, u32be } from '#shared/bytes/bytes.ts';
import { assert, Fault } from '#shared/fault/fault.ts';

/** Bytes of a request to the device; an attestation request takes about 130. */
export const NSM_REQUEST_BYTES_MAX = 4 * 1024;
/** Bytes of an answer; the driver itself never gives more than 0x3000. */
export const NSM_RESPONSE_BYTES_MAX = 16 * 1024;
/** How long the device may take. It answers within milliseconds; a busy one within a second. */
export const NSM_TIMEOUT_MS = 10_000;
/** Requests that may wait for their turn; callers share one document, so more means that something loops. */
export const NSM_WAITING_MAX = 16;

const REPORT_DATA_BYTES = 64;
const LENGTH_BYTES = 4;

/** Where the device is reached, and how long to wait for it. */
export interface NitroNsmOptions {
  /** Unix socket that speaks NSM messages, each behind its u32 big-endian length. */
  readonly socketPath: string;
  readonly timeoutMs?: number;
}

/**
 * The Nitro Security Module as attester. Node cannot do the ioctl on `/dev/nsm`, so a relay in the same image
 * (`infra/nitro/nsm-bridge.pl`) serves it on a unix socket. One request at a time, in the order of the calls.
 */
export function nitroNsmAttester(options: NitroNsmOptions): Attester {
  const timeoutMs = options.timeoutMs ?? NSM_TIMEOUT_MS;
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return {
    platform: 'aws-nitro',
    attest(reportData) {
      assert(reportData.length === REPORT_DATA_BYTES, `report data of ${reportData.length} bytes, expected 64`);
      if (waiting >= NSM_WAITING_MAX) return Promise.reject(failed(`${waiting} requests wait already`));
      waiting += 1;
      const request = attestationRequest(reportData);
      const turn = last.then(() => exchange(options.socketPath, request, timeoutMs)).then(documentOf);
      // The next request waits for the end of this one, whichever way it ends; its own caller sees the fault.
      last = turn.then(
        () => (waiting -= 1),
        () => (waiting -= 1),
      );
      return turn;
    },
  };
}

/** The request of the NSM API for a document over `reportData`. */
function attestationRequest(reportData: Uint8Array): Uint8Array {
  const fields = {
    entries: [['user_data', reportData] as const, ['nonce', null] as const, ['public_key', null] as const],
  };
  const request = encodeCbor({ entries: [['Attestation', fields]] });
  assert(request.length <= NSM_REQUEST_BYTES_MAX, 'NSM request above its bound');
  return request;
}

/** Sends one message and gives the one answer; the connection serves nothing else. */
function exchange(socketPath: string, request: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath });
    let received: Uint8Array = new Uint8Array(0);
    const timer = setTimeout(() => end(failed(`no answer on ${socketPath} within ${timeoutMs} ms`)), timeoutMs);
    const end = (result: Uint8Array | Fault): void => {
      clearTimeout(timer);
      socket.destroy();
      if (result instanceof Fault) reject(result);
      else resolve(result);
    };
    socket.on('error', (cause) => end(failed(`cannot talk to the device on ${socketPath}`, cause)));
    socket.on('close', () => end(failed(`the device on ${socketPath} hung up before its answer was whole`)));
    socket.on('connect', () => socket.write(concat(u32be(request.length), request)));
    socket.on('data', (chunk) => {
      received = concat(received, chunk);
      const answer = wholeAnswer(received);
      if (answer !== undefined) end(answer);
    });
  });
}

/** The answer once it has arrived, a fault for one that breaks the framing, `undefined` while more must come. */
function wholeAnswer(received: Uint8Array): Uint8Array | Fault | undefined {
  if (received.length < LENGTH_BYTES) return undefined;
  const length = new DataView(received.buffer, received.byteOffset).getUint32(0);
  if (length === 0 || length > NSM_RESPONSE_BYTES_MAX) {
    return failed(`an answer of ${length} bytes, expected 1 to ${NSM_RESPONSE_BYTES_MAX}`);
  }
  if (received.length > LENGTH_BYTES + length) return failed('bytes after the end of the answer');
  return received.length < LENGTH_BYTES + length ? undefined : received.slice(LENGTH_BYTES);
}

function failed(what: string, cause?: unknown): Fault {
  return new Fault('ATTESTER_FAILED', `no attestation document: ${what}; see that the NSM relay runs`, { cause });
}

/** The document inside `{"Attestation": {"document": bytes}}`. */
function documentOf(answer: Uint8Array): Attestation {
  const outer = decoded(answer);
  const error = entryOf(outer, 'Error');
  if (error?.kind === 'text') throw failed(`the device answered with the error ${nameOf(error.value)}`);
  const document = entryOf(entryOf(outer, 'Attestation'), 'document');
  if (document?.kind !== 'bytes' || document.value.length === 0) throw failed('the answer holds no document');
  return { document: document.value.slice(), endorsements: [] };
}

function decoded(answer: Uint8Array): CborItem {
  try {
    return decodeCbor(answer);
  } catch (cause) {
    throw failed('the answer is not well-formed CBOR', cause);
  }
}

function entryOf(item: CborItem | undefined, key: string): CborItem | undefined {
  return item?.kind === 'map' ? item.entries.get(key) : undefined;
}

/** Names of the NSM API are plain words; anything else is not worth repeating. */
function nameOf(text: string): string {
  return /^[A-Za-z]{1,32}$/.test(text) ? text : 'of an unknown name';
}
