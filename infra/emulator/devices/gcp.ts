import { join } from 'node:path';
import { toHex } from '#shared/bytes/bytes.ts';
import type { DeviceMaker } from '../device.ts';
import { listenOn } from '../socket.ts';
import { mintSpaceToken } from '../tokens/confidential-space.ts';
import { loadOrCreateGooglePki } from '../tokens/google-keys.ts';
import { issueGoogleChain } from '../tokens/google-pki.ts';
import { launcherService } from './launcher.ts';

/** Whom the tokens are for: a name that nobody can own. */
const AUDIENCE = 'https://cloister.invalid';

/** Google Confidential Space: a launcher that gets tokens for a container image, here the bundle. */
export const gcpDevice: DeviceMaker = async ({ folder, runFolder, measured, surroundings }) => {
  const pki = await loadOrCreateGooglePki(folder, surroundings);
  const chain = await issueGoogleChain(pki, { atMs: surroundings.now() }, surroundings);
  const imageDigest = measured.bundle.sha256;
  const service = launcherService(async (request) => {
    const token = mintSpaceToken(chain, { imageDigest, ...request, issuedAtMs: surroundings.now() });
    return Buffer.from(token).toString();
  });
  const socketPath = join(runFolder, 'teeserver.sock');
  const platform = 'gcp-confidential-space';
  const measurements = { IMAGE_DIGEST: toHex(imageDigest) };
  return {
    platform,
    policy: {
      enclaves: [{ name: 'the bundle that runs', platform, measurements, attributes: { aud: AUDIENCE } }],
      roots: [{ name: 'EMULATED Confidential Space root', platform, sha256: pki.sha256, emulated: true }],
    },
    flags: ['--attester', platform, '--device', socketPath, '--audience', AUDIENCE],
    socketPath,
    access: { readPaths: [socketPath] },
    close: await listenOn(service, socketPath),
  };
};
