import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { openBoundary } from './adapters/boundary-socket.ts';
import { systemClock } from './adapters/system-clock.ts';
import { openDoor } from './adapters/websocket.ts';
import { loadTensors } from './aggregation/tensors.ts';
import { chooseAttester } from './attester/attesters.ts';
import { nodeAttesterPorts } from './attester/transport/node-ports.ts';
import { Core } from './core.ts';
import { generateInstanceKeys } from './keys/instance-keys.ts';
import { type Settings, settingsFrom, USAGE } from './settings.ts';

async function run(settings: Settings): Promise<void> {
  const backend = await loadTensors();
  const keys = generateInstanceKeys(nodeCrypto);
  const devices = nodeAttesterPorts(nodeCrypto, process.env['PATH'] ?? '/usr/bin:/bin');
  const attester = await chooseAttester(settings.attester, settings.device, devices);
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
  process.stdout.write(
    `${JSON.stringify({ event: 'enclave-ready', backend: backend.name, platform: attester.platform })}\n`,
  );
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
  const code = cause instanceof Fault ? cause.code : undefined;
  const stack = cause instanceof Error ? cause.stack : '';
  process.stderr.write(`${JSON.stringify({ event: 'enclave-failed', code, words, stack })}\n`);
  process.exit(cause instanceof Fault ? 1 : 70);
}

process.on('uncaughtException', die);
process.on('unhandledRejection', die);
try {
  const settings = settingsFrom(process.argv.slice(2), process.env);
  if (settings === 'help') process.stdout.write(USAGE);
  else await run(settings);
} catch (cause) {
  die(cause);
}
