import type { Command } from 'commander';
import type { CliRuntime } from '../runtime.ts';
import { runScript } from '../spawn.ts';

/** `cloister enclave` and `cloister host`: the aggregator's two programs, started as processes of their own. */
export function mountOperator(program: Command, runtime: CliRuntime): void {
  passOn(program, runtime, {
    name: 'enclave',
    script: 'scripts/launch-enclave.ts',
    description: 'start the enclave of a study: in a TEE where there is one, else EMULATED (operator)',
  });
  passOn(program, runtime, {
    name: 'host',
    script: 'aggregator/host/main.ts',
    description: 'start the host: relay, queue and release store (operator)',
  });
}

/** A command whose arguments all go to another program. */
export interface PassedOn {
  readonly name: string;
  readonly script: string;
  readonly description: string;
}

/** Mounts a command that hands everything behind its name, `--help` too, to another program and exits as it does. */
export function passOn(program: Command, runtime: CliRuntime, { name, script, description }: PassedOn): void {
  program
    .command(name)
    .description(description)
    .argument('[arguments...]', 'see --help')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(runtime.action(async ({ args, exitWith }) => exitWith(await runScript(script, args))));
}
