import { connect, type Socket } from 'node:net';
import { Fault } from '#shared/fault/fault.ts';

/** Where something listens: a unix socket or a TCP port. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/**
 * Reads `host:port`, `[ipv6]:port` or the path of a unix socket (anything with a slash).
 * Throws `CONFIG_INVALID` naming `option`.
 */
export function parseEndpoint(text: string, option: string): Endpoint {
  if (text.includes('/')) return { kind: 'unix', path: text };
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined || Number(port) > 65_535) {
    throw new Fault('CONFIG_INVALID', `${option} is "${text}"; give host:port or the path of a unix socket`);
  }
  return { kind: 'tcp', host, port: Number(port) };
}

/** Starts to connect to `endpoint`. */
export function connectTo(endpoint: Endpoint): Socket {
  if (endpoint.kind === 'unix') return connect({ path: endpoint.path });
  return connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
}
