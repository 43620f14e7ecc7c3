import { concat } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';

/** Bounds of one download: vendors' answers have a few tens of thousands of bytes. */
const DOWNLOAD = { bytesMax: 256 * 1024, timeoutMs: 30_000 } as const;

/** An answer of status 200. */
export interface Download {
  readonly url: URL;
  readonly body: Uint8Array;
  readonly headers: Headers;
}

/**
 * Gets `url` whole. Redirections are not followed: a vendor's service has no reason to send anybody elsewhere.
 * @throws Fault - CONNECTION_LOST when there is no answer or too long a one, CONFIG_INVALID when there is no such thing
 */
export async function download(url: URL, signal: AbortSignal): Promise<Download> {
  let response: Response;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD.timeoutMs)]);
    response = await fetch(url, { signal: limit, redirect: 'manual' });
    if (response.status === 200) return { url, body: await bodyOf(url, response), headers: response.headers };
    await response.body?.cancel();
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('CONNECTION_LOST', `no answer from ${url.origin}; is there a network, and is the address right?`, {
      cause,
    });
  }
  throw refused(url, response.status);
}

/** `base` followed by `path`, which begins with a slash: a caching service may live below a path of its own. */
export function urlBelow(base: URL, path: string): URL {
  return new URL(`${base.href.replace(/\/$/, '')}${path}`);
}

async function bodyOf(url: URL, response: Response): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.length;
    if (bytes > DOWNLOAD.bytesMax) {
      throw new Fault(
        'CONNECTION_LOST',
        `${whereOf(url)} gave more than the ${DOWNLOAD.bytesMax} bytes that can be right`,
      );
    }
    pieces.push(piece);
  }
  return concat(...pieces);
}

function refused(url: URL, status: number): Fault {
  const where = whereOf(url);
  if (status === 429)
    return new Fault('CONNECTION_LOST', `${where} answers too many requests already; try again later`);
  if (status === 400 || status === 404) {
    return new Fault('CONFIG_INVALID', `${where} knows no such thing (status ${status}); compare what was asked for`);
  }
  return new Fault('CONNECTION_LOST', `${where} answered with status ${status}, expected 200`);
}

function whereOf({ origin, pathname }: URL): string {
  return `${origin}${pathname.slice(0, 80)}`;
}
