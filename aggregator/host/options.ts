import { parseArgs } from 'node:util';
import { Fault } from '#shared/fault/fault.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';

/** How a host is run. */
export interface HostOptions {
  readonly listen: Endpoint;
  /** Where the enclave takes participants' WebSocket connections. */
  readonly enclave: Endpoint;
  /** Where the enclave takes the host's connection. */
  readonly boundary: Endpoint;
  readonly dataFolder: string;
  /** redis://, rediss:// or an absolute socket path; `undefined` for an own server or memory. */
  readonly queueUrl: string | undefined;
  readonly studies: readonly string[];
  /** For the study at the same place; `undefined` for a study without a weights file. */
  readonly weights: readonly (string | undefined)[];
  /** Folder of endorsements to go along with evidence; `undefined` when there is none. */
  readonly endorsements: string | undefined;
  /** Payloads kept on disk per study. */
  readonly keepReleases: number;
  readonly logLevel: string;
}

/** What `--help` prints. */
export const HELP = `Usage: node aggregator/host/main.ts [options]

Runs the untrusted side of an aggregator: relays participants to the enclave, carries commands and releases through
the queue, and serves releases over HTTP. Sees sealed bytes only.

  --listen ADDRESS          where to serve HTTP and WebSocket, host:port; port 0 takes a free one (127.0.0.1:8470)
  --enclave-socket ADDRESS  where the enclave takes participants, a unix socket or host:port
  --boundary-socket ADDRESS where the enclave takes this host, a unix socket or host:port
  --data DIR                folder for releases, and for an own Redis (./cloister-host)
  --queue URL               redis://, rediss:// or the absolute path of a unix socket; without it an own redis-server
                            or valkey-server is started, and failing that jobs are kept in memory
  --study FILE              signed manifest to offer to the enclave; may be given again
  --weights FILE            initial weights of the study at the same place; "-" for a study that needs none
  --endorsements DIR        certificates, CRLs and collateral to go along with the enclave's evidence, named as
                            "cloister endorsements" names them; read again every 10 minutes, and on SIGHUP
  --keep-releases N         payloads kept on disk per study (8)
  --log-level LEVEL         trace, debug, info, warn, error or silent (info)
  --help                    this text

Each option may come from the environment, as CLOISTER_LISTEN, CLOISTER_ENCLAVE_SOCKET and so on (CLOISTER_STUDY and
CLOISTER_WEIGHTS hold one file each); REDIS_URL stands for CLOISTER_QUEUE. Flags win.
`;

const LEVELS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'silent']);

/** Reads flags and environment; `undefined` when help is asked for. Throws `CONFIG_INVALID`. */
export function readHostOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): HostOptions | undefined {
  const { values } = parseFlags(args);
  if (values.help === true) return undefined;
  const flag = (
    name:
      | 'listen'
      | 'enclave-socket'
      | 'boundary-socket'
      | 'data'
      | 'queue'
      | 'endorsements'
      | 'keep-releases'
      | 'log-level',
  ) => values[name] ?? (environment[`CLOISTER_${name.toUpperCase().replaceAll('-', '_')}`] || undefined);
  const studies = values.study ?? list(environment['CLOISTER_STUDY']);
  const weights = values.weights ?? list(environment['CLOISTER_WEIGHTS']);
  if (weights.length > studies.length) {
    throw invalid(
      `--weights is given ${weights.length} times and --study ${studies.length} times; give a study for each`,
    );
  }
  return {
    listen: parseEndpoint(flag('listen') ?? '127.0.0.1:8470', '--listen'),
    enclave: parseEndpoint(required(flag('enclave-socket'), '--enclave-socket'), '--enclave-socket'),
    boundary: parseEndpoint(required(flag('boundary-socket'), '--boundary-socket'), '--boundary-socket'),
    dataFolder: flag('data') ?? 'cloister-host',
    queueUrl: queueUrl(flag('queue') ?? (environment['REDIS_URL'] || undefined)),
    studies,
    weights: weights.map((file) => (file === '-' ? undefined : file)),
    endorsements: flag('endorsements'),
    keepReleases: atLeastOne(flag('keep-releases') ?? '8'),
    logLevel: logLevel(flag('log-level') ?? 'info'),
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        listen: { type: 'string' },
        'enclave-socket': { type: 'string' },
        'boundary-socket': { type: 'string' },
        data: { type: 'string' },
        queue: { type: 'string' },
        study: { type: 'string', multiple: true },
        weights: { type: 'string', multiple: true },
        endorsements: { type: 'string' },
        'keep-releases': { type: 'string' },
        'log-level': { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (cause) {
    throw new Fault(
      'CONFIG_INVALID',
      `${cause instanceof Error ? cause.message : 'bad arguments'} (--help lists them)`,
      { cause },
    );
  }
}

function list(value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : [value];
}

function required(value: string | undefined, option: string): string {
  if (value === undefined) throw invalid(`${option} is missing`);
  return value;
}

function queueUrl(value: string | undefined): string | undefined {
  if (value === undefined || /^rediss?:\/\//.test(value) || value.startsWith('/')) return value;
  // The URL may hold a password, so the message does not repeat it.
  throw invalid('--queue must be redis://…, rediss://… or the absolute path of a unix socket');
}

function atLeastOne(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value))
    throw invalid(`--keep-releases is "${value}"; give a whole number from 1 to 999999`);
  return Number(value);
}

function logLevel(value: string): string {
  if (!LEVELS.has(value)) throw invalid(`--log-level is "${value}"; give one of ${[...LEVELS].join(', ')}`);
  return value;
}

function invalid(message: string): Fault {
  return new Fault('CONFIG_INVALID', `${message} (--help lists the options)`);
}
