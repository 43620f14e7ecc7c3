import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault } from '#shared/fault/fault.ts';
import { launchEmulated } from './launch.ts';

/**
 * Launches an enclave bundle on an emulated device:
 * `node infra/emulator/main.ts --bundle FILE --folder FOLDER [--allow-worker] -- ARGUMENTS OF THE ENCLAVE`
 * `{nsm}` in an argument stands for the device's socket, `{run}` for a private folder that is removed at the end. Ends as the enclave ends: with its exit code, or 1 when a
 * signal ended it.
 */
function say(text: string): void {
  process.stderr.write(`EMULATED enclave: ${text}\n`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      bundle: { type: 'string' },
      folder: { type: 'string' },
      'allow-worker': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.bundle === undefined || values.folder === undefined) {
    throw new Fault('CONFIG_INVALID', 'expected --bundle FILE --folder FOLDER [--allow-worker] -- ARGUMENTS');
  }
  const enclave = await launchEmulated({
    bundlePath: resolve(values.bundle),
    folder: resolve(values.folder),
    args: (nsmSocketPath, runFolder) =>
      positionals.map((argument) => argument.replaceAll('{nsm}', nsmSocketPath).replaceAll('{run}', runFolder)),
    permissions: { workers: values['allow-worker'] },
  });
  say(`no hardware protects it; process ${enclave.process.pid}`);
  say(`PCR0 ${enclave.pcr0}`);
  say(`root SHA-256 ${enclave.rootSha256}; a policy accepts it only by naming this root`);
  say(`device on ${enclave.nsmSocketPath}`);
  const exit = await enclave.process.exited;
  say(exit.signal === null ? `ended with code ${exit.code}` : `ended by ${exit.signal}`);
  return exit.code ?? 1;
}

process.exitCode = await main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : 'failed');
  return 1;
});
