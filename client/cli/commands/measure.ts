import type { Command } from 'commander';
import { Fault } from '#shared/fault/fault.ts';
import { systemWords } from '../input-file.ts';
import { measureFile } from '../measure-file.ts';
import { pairs } from '../output.ts';
import type { CliRuntime } from '../runtime.ts';
import { SETTINGS } from '../settings.ts';
import { runScript } from '../spawn.ts';

const HELP = `
The digest is what an emulated enclave shows as PCR0. Compare it with enclaves[].measurements.PCR0 of a manifest.
A real Nitro image is measured when it is built (nitro-cli prints its PCRs).`;

/** `cloister measure [FILE]` */
export function mountMeasure(program: Command, runtime: CliRuntime): void {
  program
    .command('measure')
    .description('print the measurement (SHA-384) of an enclave bundle')
    .argument('[file]', 'the bundle; without it, that of this checkout is built and measured')
    .addHelpText('after', HELP)
    .action(
      runtime.action(async ({ args, output, settings, exitWith }) => {
        const file = args[0];
        if (file === undefined)
          return exitWith(
            await runScript('scripts/measure.ts', settings.get(SETTINGS.json) === true ? ['--json'] : []),
          );
        const { sha384, bytes } = await measured(file);
        output.show({
          json: { file, sha384, bytes },
          text: () =>
            pairs([
              ['PCR0', sha384],
              ['bytes', String(bytes)],
              ['file', file],
            ]),
        });
      }),
    );
}

async function measured(file: string): ReturnType<typeof measureFile> {
  try {
    return await measureFile(file);
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `${file} cannot be read: ${systemWords(cause)}`, { cause });
  }
}
