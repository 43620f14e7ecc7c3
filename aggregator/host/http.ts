import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Fault } from '#shared/fault/fault.ts';
import { type Answer, problem, writeAnswer } from './answer.ts';
import type { Endpoint } from './endpoint.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import type { Relay } from './relay.ts';
import { ROUTES, type Shown } from './routes.ts';

/** The host's HTTP side, listening. */
export interface HttpSide {
  /** The address it listens on, `host:port` or a path. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** What the server needs. */
export interface HttpParts {
  readonly shown: Shown;
  readonly relay: Relay;
  readonly log: Log;
}

/** Listens on `endpoint`; TCP port 0 takes a free one. Throws `CONFIG_INVALID` when it cannot listen there. */
export async function listenHttp(endpoint: Endpoint, parts: HttpParts): Promise<HttpSide> {
  const stopping = new AbortController();
  const server = createServer({
    maxHeaderSize: HOST_LIMITS.headerBytesMax,
    headersTimeout: 10_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 5_000,
    noDelay: true,
  });
  server.maxConnections = HOST_LIMITS.connectionsMax;
  server.on('request', (request, response) => void respond(request, response, { ...parts, stopping: stopping.signal }));
  server.on('upgrade', (request, socket, head) => parts.relay.accept(request, socket, head));
  server.listen(endpoint.kind === 'unix' ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `the host cannot listen on ${placeOf(endpoint)}: ${whyNot(cause)}`, { cause });
  }
  return { ...addressOf(server), close: () => closeServer(server, stopping, parts.relay) };
}

function placeOf(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}

function whyNot(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  return code === 'EADDRINUSE' ? 'something listens there already; give another --listen' : `${code}; see --listen`;
}

function addressOf(server: Server): { readonly address: string; readonly port: number } {
  const address = server.address();
  if (address === null || typeof address === 'string') return { address: address ?? '', port: 0 };
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return { address: `${host}:${address.port}`, port: address.port };
}

async function closeServer(server: Server, stopping: AbortController, relay: Relay): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  stopping.abort();
  relay.close();
  server.closeAllConnections();
  await closed;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { shown, log, stopping }: HttpParts & { readonly stopping: AbortSignal },
): Promise<void> {
  shown.counters.httpRequests += 1;
  const left = new AbortController();
  response.once('close', () => left.abort());
  try {
    const answer = await route(request, shown, AbortSignal.any([left.signal, stopping]));
    if (answer.kind === 'error') shown.counters.httpRefused += 1;
    if (!response.destroyed) await writeAnswer(request, response, answer);
  } catch (error) {
    log.warn({ event: 'http-failed', path: request.url, error: error instanceof Error ? error.message : 'unknown' });
    if (response.headersSent) response.destroy();
    else await writeAnswer(request, response, problem(500, 'HOST_FAILED', 'the host could not answer; try again'));
  }
}

async function route(request: IncomingMessage, shown: Shown, gone: AbortSignal): Promise<Answer> {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1));
  let known = false;
  for (const { method, pattern, answer } of ROUTES) {
    const match = pattern.exec(path);
    if (match === null) continue;
    known = true;
    if (method === request.method) return answer({ request, parts: match.slice(1), query, gone }, shown);
  }
  if (known) return problem(405, 'METHOD_UNKNOWN', 'this path does not take this method');
  return problem(404, 'PATH_UNKNOWN', 'there is nothing at this path; see docs/protocol.md section 9');
}
