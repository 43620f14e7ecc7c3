import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Fault } from '#shared/fault/fault.ts';

/** Bounds of a request. */
export const HTTP = {
  /** Longest silence of the host within a request, above what the request asks it to wait. */
  silenceMs: 30_000,
  /** Connections that one download may use; each takes up where the last one broke off. */
  attemptsMax: 5,
} as const;

/** An answer, in the pieces in which it came; or the status that came instead of one. */
export type HttpAnswer =
  | { readonly kind: 'ok'; readonly pieces: readonly Uint8Array[] }
  | { readonly kind: 'status'; readonly status: number };

/** What to get and how much of it to take. */
export interface HttpGet {
  readonly url: URL;
  /** An answer longer than this is refused before it is buffered. */
  readonly bytesMax: number;
  /** How long the host was asked to wait before it answers. */
  readonly waitMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Gets `url` whole. A body that breaks off is taken up again by a range request, a few times; a host that ignores the
 * range is refused, since its bytes would be joined wrongly. Everything fetched is verified by the caller.
 * @throws Fault - CONNECTION_LOST
 */
export async function httpGet(get: HttpGet): Promise<HttpAnswer> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of wholeBody(get)) pieces.push(piece);
    return { kind: 'ok', pieces };
  } catch (cause) {
    if (cause instanceof OtherStatus) return { kind: 'status', status: cause.status };
    throw cause;
  }
}

/**
 * Like {@link httpGet}, piece by piece as they arrive: for bodies that are too large to wait for.
 * @throws Fault - CONNECTION_LOST, also for a status other than 200
 */
export async function* httpPieces(get: HttpGet): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* wholeBody(get);
  } catch (cause) {
    if (!(cause instanceof OtherStatus)) throw cause;
    const message = `the host answered ${get.url.pathname} with status ${cause.status}, expected 200`;
    throw new Fault('CONNECTION_LOST', message, { cause });
  }
}

/** The body, taken up again where it breaks off. Throws `OtherStatus` and `Fault`. */
async function* wholeBody(get: HttpGet): AsyncGenerator<Uint8Array, void, undefined> {
  let have = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const piece of bodyFrom(get, have)) {
        have += piece.length;
        yield piece;
      }
      return;
    } catch (cause) {
      if (cause instanceof OtherStatus) throw cause;
      const final = attempt >= HTTP.attemptsMax || get.signal.aborted;
      if (!(cause instanceof BrokenOff) || final) throw lost(get.url, cause);
    }
  }
}

/** The body ended early; what came so far is good. */
class BrokenOff extends Error {}

/** The host answered, but not with what was asked for. */
class OtherStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

function lost(url: URL, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const { origin, pathname } = url;
  const message =
    cause instanceof BrokenOff
      ? `no whole answer from ${origin}${pathname}; try again later`
      : `no answer from ${origin}; is the address right, and does the host run there?`;
  return new Fault('CONNECTION_LOST', message, { cause });
}

/** One request for what lies behind `have`. */
async function* bodyFrom(get: HttpGet, have: number): AsyncGenerator<Uint8Array, void, undefined> {
  const response = await responseTo(get, have);
  const status = response.statusCode ?? 0;
  if (status !== (have === 0 ? 200 : 206)) {
    response.resume();
    if (have === 0) throw new OtherStatus(status);
    throw new Fault('CONNECTION_LOST', `the host answered a range request with status ${status}, expected 206`);
  }
  if (have > 0 && !(response.headers['content-range'] ?? '').startsWith(`bytes ${have}-`)) {
    response.destroy();
    throw new Fault('CONNECTION_LOST', 'the host answered a range request with another range');
  }
  let total = have;
  try {
    for await (const part of response) {
      const bytes = bytesOfPart(part);
      total += bytes.length;
      if (total > get.bytesMax) {
        response.destroy();
        throw new Fault('RELEASE_INVALID', `the host sent more than the ${get.bytesMax} bytes that can be right`);
      }
      yield bytes;
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new BrokenOff('the body ended early', { cause });
  }
}

function bytesOfPart(part: unknown): Uint8Array {
  if (part instanceof Uint8Array) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  throw new Fault('CONNECTION_LOST', 'the host sent text where bytes were expected');
}

function responseTo({ url, waitMs = 0, signal }: HttpGet, have: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = have === 0 ? {} : { range: `bytes=${have}-` };
    const request: ClientRequest = open(url, { method: 'GET', headers, signal, timeout: HTTP.silenceMs + waitMs });
    request.once('timeout', () => request.destroy(new Error('the host fell silent')));
    request.once('response', resolve);
    request.on('error', (cause) => reject(have > 0 ? new BrokenOff('no connection', { cause }) : cause));
    request.end();
  });
}
