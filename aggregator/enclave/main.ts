import { parseArgs } from 'node:util';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { LIMITS } from '#shared/protocol/limits.ts';
import { openBoundary } from './adapters/boundary-socket.ts';
import { nitroNsmAttester } from './adapters/nitro-nsm.ts';
import { systemClock } from './adapters/system-clock.ts';
import { openDoor } from './adapters/websocket.ts';
import { loadTensors } from './aggregation/tensors.ts';
import { Core } from './core.ts';
import { generateInstanceKeys } from './keys/instance-keys.ts';

const USAGE = `cloister enclave: the trusted part of the aggregator

  --listen PATH|PORT    where participants' connections arrive (a unix socket, or a loopback port)
  --boundary PATH       unix socket on which the host connects
  --nsm PATH            unix socket of the Nitro Secure Module (infra/nitro/nsm-bridge.pl, or the emulator)
  --staging-mib N       memory for uploads in flight, MiB a study (default 64; at least one upload is staged)
  --chunk-kib N         size of update chunks, KiB (default 512, at most 1024)
  --connections N       most participants connected at once (default 4096)
`;

/** What the command line says. */
interface Settings {
  readonly listen: string | number;
  readonly boundary: string;
  readonly nsm: string;
  readonly stagingBytes: number;
  readonly chunkBytes: number;
  readonly connectionsMax: number;
}

const MIB = 1024 * 1024;

function settingsFrom(args: readonly string[]): Settings | 'help' {
  const values = flagsOf(args);
  if (values.help === true) return 'help';
  const { listen, boundary, nsm } = values;
  if (listen === undefined || boundary === undefined || nsm === undefined) {
    throw new Fault('CONFIG_INVALID', '--listen, --boundary and --nsm are needed; see --help');
  }
  return {
    listen: /^\d+$/.test(listen) ? Number(listen) : listen,
    boundary,
    nsm,
    stagingBytes: integer('staging-mib', values['staging-mib'], 1, 1 << 20) * MIB,
    chunkBytes:
      integer('chunk-kib', values['chunk-kib'], LIMITS.chunkBytesMin / 1024, LIMITS.chunkBytesMax / 1024) * 1024,
    connectionsMax: integer('connections', values.connections, 1, 65_536),
  };
}

function flagsOf(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean' },
        listen: text,
        boundary: text,
        nsm: text,
        'staging-mib': { ...text, default: '64' },
        'chunk-kib': { ...text, default: '512' },
        connections: { ...text, default: '4096' },
      },
    }).values;
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : 'bad arguments';
    throw new Fault('CONFIG_INVALID', `${words}; see --help`, { cause });
  }
}

function integer(name: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw new Fault('CONFIG_INVALID', `--${name}: found ${text}, expected an integer from ${minimum} to ${maximum}`);
}

async function run(settings: Settings): Promise<void> {
  const backend = await loadTensors();
  const keys = generateInstanceKeys(nodeCrypto);
  const attester = nitroNsmAttester({ socketPath: settings.nsm });
  let core: Core | undefined;
  const boundary = await openBoundary(settings.boundary, (host) => {
    const { chunkBytes, stagingBytes } = settings;
    const made = new Core({
      crypto: nodeCrypto,
      clock: systemClock,
      keys,
      attester,
      host,
      backend,
      chunkBytes,
      stagingBytes,
    });
    core = made;
    return { connected: () => made.hostConnected(), message: (message) => made.fromHost(message) };
  });
  const door = await openDoor({
    listen: settings.listen,
    connectionsMax: settings.connectionsMax,
    accept(connection) {
      const session = core?.connect(connection);
      return {
        receive: (bytes) => session?.receive(bytes),
        disconnected: () => session?.disconnected(),
      };
    },
  });
  process.stdout.write(`${JSON.stringify({ event: 'enclave-ready', backend: backend.name })}\n`);
  const stop = (): void => {
    core?.shutDown();
    // One turn of the loop lets the farewells leave.
    setTimeout(() => {
      void Promise.all([door.close(), boundary.close()]).then(() => process.exit(0));
    }, 50);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Our own bug, or the world's end: say what it was, without any value, and stop. Keys die with the process. */
function die(cause: unknown): never {
  const words = cause instanceof Error ? `${cause.name}: ${cause.message}` : 'unknown failure';
  process.stderr.write(
    `${JSON.stringify({ event: 'enclave-failed', words, stack: cause instanceof Error ? cause.stack : '' })}\n`,
  );
  process.exit(cause instanceof Fault ? 1 : 70);
}

process.on('uncaughtException', die);
process.on('unhandledRejection', die);
try {
  const settings = settingsFrom(process.argv.slice(2));
  if (settings === 'help') process.stdout.write(USAGE);
  else await run(settings);
} catch (cause) {
  die(cause);
}
