/** Counters of a host, for the operator: numbers only, nothing of what travels. */
export interface Counters {
  relayOpen: number;
  relayAccepted: number;
  relayRefused: number;
  relayBytesToEnclave: number;
  relayBytesFromEnclave: number;
  httpRequests: number;
  httpRefused: number;
  longPollsOpen: number;
  releasesStored: number;
  releasesRefused: number;
  commandsQueued: number;
  boundaryConnections: number;
}

/** All counters at zero. */
export function newCounters(): Counters {
  return {
    relayOpen: 0,
    relayAccepted: 0,
    relayRefused: 0,
    relayBytesToEnclave: 0,
    relayBytesFromEnclave: 0,
    httpRequests: 0,
    httpRefused: 0,
    longPollsOpen: 0,
    releasesStored: 0,
    releasesRefused: 0,
    commandsQueued: 0,
    boundaryConnections: 0,
  };
}

/** The counters as plain text, one `cloister_host_<name> <value>` a line (Prometheus text format). */
export function metricsText(counters: Counters): string {
  const lines = Object.entries(counters).map(([name, value]) => `cloister_host_${snakeCase(name)} ${value}\n`);
  return lines.join('');
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
