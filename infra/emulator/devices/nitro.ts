import { join } from 'node:path';
import { toHex } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { nsmDevice } from '../nsm-device.ts';
import { serveNsm } from '../nsm-server.ts';
import { registersOf } from '../registers.ts';
import { loadOrCreateRoot } from '../root.ts';

/** AWS Nitro: a security module on a unix socket, as `infra/nitro/nsm-bridge.pl` serves the real one. */
export const nitroDevice: DeviceMaker = async ({ folder, runFolder, measured, surroundings }) => {
  const root = await loadOrCreateRoot(folder, surroundings);
  const instanceId = `i-0${toHex(surroundings.randomBytes(8))}`;
  const { bundle, runtime } = measured;
  const pcrs = registersOf({ bundle: bundle.sha384, runtime: runtime.sha384, instanceId });
  const moduleId = `${instanceId}-enc${toHex(surroundings.randomBytes(8))}`;
  const { socketPath, close } = await serveNsm(
    nsmDevice({ root, moduleId, pcrs, surroundings }),
    join(runFolder, 'nsm.sock'),
  );
  const platform = 'aws-nitro';
  return {
    platform,
    policy: {
      enclaves: [{ name: 'the bundle that runs', platform, measurements: { PCR0: toHex(bundle.sha384) } }],
      roots: [{ name: 'EMULATED root of this machine', platform, sha256: root.sha256, emulated: true }],
    },
    flags: ['--nsm', socketPath],
    socketPath,
    access: {},
    close,
  };
};
