import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';

const FILE_STEP_BYTES = 256 * 1024;

/** What a route gives back; the server writes it. */
export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly value: unknown }
  | { readonly kind: 'bytes'; readonly type: string; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string; readonly length: number }
  | { readonly kind: 'error'; readonly status: number; readonly code: string; readonly message: string };

/** JSON with status 200 unless said otherwise. */
export function json(value: unknown, status = 200): Answer {
  return { kind: 'json', status, value };
}

/** Bytes that are JSON already, such as a signed envelope. */
export function jsonBytes(bytes: Uint8Array): Answer {
  return { kind: 'bytes', type: 'application/json', bytes };
}

/** An error for the caller. */
export function problem(status: number, code: string, message: string): Answer {
  return { kind: 'error', status, code, message };
}

/** Writes `answer`; resolves when it is out or the client is gone. */
export async function writeAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('cache-control', 'no-store');
  switch (answer.kind) {
    case 'json':
      writeWhole(response, answer.status, {
        type: 'application/json',
        bytes: Buffer.from(JSON.stringify(answer.value)),
      });
      return;
    case 'bytes':
      writeWhole(response, 200, answer);
      return;
    case 'error': {
      const body = JSON.stringify({ error: { code: answer.code, message: answer.message } });
      // The rest of an unread body would be taken for the next request.
      if (!request.complete) response.setHeader('connection', 'close');
      writeWhole(response, answer.status, { type: 'application/json', bytes: Buffer.from(body) });
      return;
    }
    case 'file':
      await writeFileRange(request, response, answer);
  }
}

function writeWhole(
  response: ServerResponse,
  status: number,
  body: { readonly type: string; readonly bytes: Uint8Array },
): void {
  response.writeHead(status, { 'content-type': body.type, 'content-length': body.bytes.length });
  response.end(body.bytes);
}

async function writeFileRange(
  request: IncomingMessage,
  response: ServerResponse,
  { path, length }: { readonly path: string; readonly length: number },
): Promise<void> {
  response.setHeader('content-type', 'application/octet-stream');
  response.setHeader('accept-ranges', 'bytes');
  const range = parseRange(request.headers.range, length);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${length}`, 'content-length': 0 });
    response.end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: length - 1 };
  if (range !== undefined) response.setHeader('content-range', `bytes ${start}-${end}/${length}`);
  response.writeHead(range === undefined ? 200 : 206, { 'content-length': end - start + 1 });
  const file = await open(path, 'r');
  try {
    await copyFile(file, { start, end }, response);
  } finally {
    await file.close();
  }
}

/** Copies a range of a file through one buffer, which is filled again when it has left: no garbage, whatever the size. */
async function copyFile(
  file: FileHandle,
  { start, end }: { readonly start: number; readonly end: number },
  response: ServerResponse,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(FILE_STEP_BYTES, end - start + 1));
  for (let at = start; at <= end; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at + 1), at);
    if (bytesRead === 0) throw new Error('the file is shorter than it was');
    at += bytesRead;
    const left = await wrote(response, buffer.subarray(0, bytesRead));
    // The client went away; there is nobody to tell.
    if (!left) return;
  }
  response.end();
}

/** Whether `bytes` have left; false when the connection is gone. */
function wrote(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const gone = (): void => resolve(false);
    response.once('close', gone);
    response.write(bytes, (error) => {
      response.off('close', gone);
      resolve(error === undefined || error === null);
    });
  });
}

/**
 * The one range that a Range header asks for (RFC 9110 section 14.1.2), both ends included. `undefined` when there is
 * none or it is of a form that a server may ignore: another unit, several ranges, or not well-formed.
 */
export function parseRange(
  header: string | undefined,
  length: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const suffix = Math.min(Number(last), length);
    return suffix === 0 ? 'unsatisfiable' : { start: length - suffix, end: length - 1 };
  }
  const start = Number(first);
  const end = last === '' ? length - 1 : Math.min(Number(last), length - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= length ? 'unsatisfiable' : { start, end };
}
