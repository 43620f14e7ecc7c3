import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault } from '#shared/fault/fault.ts';
import { DEFAULT_PLATFORM, EMULATED_PLATFORMS } from './devices/table.ts';
import { type DeviceReach, launchEmulated } from './launch.ts';

/**
 * Launches an enclave bundle on an emulated device:
 * `node infra/emulator/main.ts --bundle FILE --folder FOLDER [--platform NAME] [--allow-worker] -- ARGUMENTS OF THE ENCLAVE`
 * Among the arguments `{device}` stands for the flags by which the enclave finds its device; within one, `{socket}` for the
 * device's socket and `{run}` for a private folder that is removed at the end. Ends as the enclave ends: with its exit
 * code, or 1 when a signal ended it.
 */
function say(text: string): void {
  process.stderr.write(`EMULATED enclave: ${text}\n`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      bundle: { type: 'string' },
      folder: { type: 'string' },
      platform: { type: 'string', default: DEFAULT_PLATFORM },
      'allow-worker': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.bundle === undefined || values.folder === undefined) {
    const usage = '--bundle FILE --folder FOLDER [--platform NAME] [--allow-worker] -- ARGUMENTS';
    throw new Fault('CONFIG_INVALID', `expected ${usage}; platforms: ${EMULATED_PLATFORMS.join(', ')}`);
  }
  const enclave = await launchEmulated({
    bundlePath: resolve(values.bundle),
    folder: resolve(values.folder),
    platform: values.platform,
    args: (reach) => positionals.flatMap((argument) => filledIn(argument, reach)),
    permissions: { workers: values['allow-worker'] },
  });
  say(`no hardware protects it; process ${enclave.process.pid}`);
  say(`SHA-384 of the bundle ${enclave.pcr0}`);
  say(`root SHA-256 ${enclave.rootSha256}; a policy accepts it only by naming this root`);
  say(`policy ${JSON.stringify(enclave.policy)}`);
  say(`device on ${enclave.socketPath}`);
  if (enclave.endorsementsFolder !== undefined) say(`endorsements for the host in ${enclave.endorsementsFolder}`);
  const exit = await enclave.process.exited;
  say(exit.signal === null ? `ended with code ${exit.code}` : `ended by ${exit.signal}`);
  return exit.code ?? 1;
}

function filledIn(argument: string, { flags, socketPath, runFolder }: DeviceReach): readonly string[] {
  if (argument === '{device}') return flags;
  return [argument.replaceAll('{socket}', socketPath).replaceAll('{run}', runFolder)];
}

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : 'failed');
  return 1;
});
