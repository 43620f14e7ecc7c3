import { nodeCrypto } from '#shared/crypto/node.ts';
import { systemClock } from './clock.ts';
import { webSocketConnect } from './connect.ts';
import type { EventSink } from './events.ts';
import { httpHost } from './host.ts';
import type { ParticipantPorts } from './participate.ts';

/**
 * Everything a participant needs of the world, on Node.
 * @param host where the host serves the study, such as `http://127.0.0.1:8470`
 */
export function nodePorts(host: URL, onEvent: EventSink): ParticipantPorts {
  const enclave = new URL('/v1/enclave', host);
  enclave.protocol = host.protocol === 'https:' ? 'wss:' : 'ws:';
  return {
    connect: webSocketConnect(enclave.href, systemClock),
    host: httpHost(host),
    crypto: nodeCrypto,
    clock: systemClock,
    random: Math.random,
    onEvent,
  };
}
