import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBoundary } from '#enclave/adapters/boundary-socket.ts';
import { openDoor } from '#enclave/adapters/websocket.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { Core } from '#enclave/core.ts';
import { generateInstanceKeys } from '#enclave/keys/instance-keys.ts';
import type { Attester } from '#enclave/ports/attester.ts';
import type { Clock } from '#enclave/ports/clock.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { HandClock } from '#test/fakes/hand-clock.ts';
import { EnclaveUnderTest } from './enclave.ts';
import { ParticipantDevice } from './participant-device.ts';

/** What an enclave in this process differs in. */
export interface InProcessOptions {
  readonly stagingBytes?: number;
  /** Whether the device gives evidence now. */
  readonly working?: () => boolean;
}

/** The same enclave without a process of its own: its time is the test's to move. */
export interface InProcess {
  readonly enclave: EnclaveUnderTest;
  readonly core: Core;
  readonly clock: HandClock;
}

/** Wires the enclave as its `main.ts` does, but for clock and device. */
export async function startInProcess({
  stagingBytes = 1,
  working = () => true,
}: InProcessOptions = {}): Promise<InProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-test-'));
  const device = await ParticipantDevice.create();
  const clock = new HandClock();
  // Time stands still for deadlines only: commands and certificates are dated by the world.
  const time: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => Date.now(),
    after: (delayMs, action) => clock.after(delayMs, action),
  };
  const backend = await loadTensors();
  const attester: Attester = {
    platform: 'aws-nitro',
    async attest(reportData) {
      if (!working()) throw new Fault('ATTESTER_FAILED', 'the device is silent');
      const { document } = await device.evidence(reportData);
      return { document, endorsements: [] };
    },
  };
  const keys = generateInstanceKeys(nodeCrypto);
  const cores: Core[] = [];
  const boundaryPath = join(folder, 'boundary.sock');
  const boundary = await openBoundary(boundaryPath, (host) => {
    const core = new Core({
      crypto: nodeCrypto,
      clock: time,
      keys,
      attester,
      host,
      backend,
      chunkBytes: 1024,
      stagingBytes,
    });
    cores.push(core);
    return { connected: () => core.hostConnected(), message: (message) => core.fromHost(message) };
  });
  const [core] = cores;
  if (core === undefined) throw new Error('the boundary made no core');
  const door = await openDoor({
    listen: join(folder, 'enclave.sock'),
    connectionsMax: 100,
    accept(connection) {
      const session = core.connect(connection);
      return { receive: (bytes) => session.receive(bytes), disconnected: () => session.disconnected() };
    },
  });
  const stop = async (): Promise<void> => {
    core.shutDown();
    await Promise.all([door.close(), boundary.close()]);
  };
  const socket = connect(boundaryPath);
  await once(socket, 'connect');
  const running = { pcr0: device.pcr0, rootSha256: device.rootSha256, process: { stop } };
  return { enclave: new EnclaveUnderTest(folder, running, socket), core, clock };
}
