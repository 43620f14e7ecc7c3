import { Command } from 'commander';
import { mountDemo } from './commands/demo.ts';
import { mountEvidence } from './commands/evidence.ts';
import { mountKeygen } from './commands/keygen.ts';
import { mountMeasure } from './commands/measure.ts';
import { mountOperator } from './commands/operator.ts';
import { mountParticipant } from './commands/participant.ts';
import { mountRelease } from './commands/release.ts';
import { mountStudy } from './commands/study.ts';
import { EXIT_CODES_HELP } from './exit-code.ts';
import { type CliRuntime, withSettings } from './runtime.ts';
import { CONFIG_FILE, SETTINGS } from './settings.ts';

const INTRODUCTION = `Train one model together through an attested enclave: nobody sees another's update.

First steps
  coordinator   cloister keygen coordinator, study new, study check, study sign, study launch
  participant   cloister keygen participant, study check, participant
  operator      cloister enclave, host
  anybody       cloister demo, measure, evidence verify, release verify`;

const SETTINGS_HELP = `
Settings: a flag wins over its environment variable, which wins over ${CONFIG_FILE} (or the file of --config).`;

/** The command line, not yet parsed. Errors and help are thrown as commander's own, never by ending the process. */
export function buildProgram(runtime: CliRuntime): Command {
  const { stdout, stderr } = runtime.world;
  const program = new Command('cloister');
  program
    .description(INTRODUCTION)
    .option('--config <file>', `configuration file instead of ./${CONFIG_FILE} [CLOISTER_CONFIG]`)
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for what is possible)')
    .addHelpText('after', `${SETTINGS_HELP}\n${EXIT_CODES_HELP}`);
  withSettings(program, SETTINGS.json, SETTINGS.quiet, SETTINGS.debug, SETTINGS.logLevel);
  for (const mount of [
    mountKeygen,
    mountStudy,
    mountParticipant,
    mountOperator,
    mountRelease,
    mountEvidence,
    mountMeasure,
    mountDemo,
  ]) {
    mount(program, runtime);
  }
  adopt(program, (command) => {
    command.exitOverride();
    command.configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) });
  });
  return program;
}

/** The settings of output may stand behind any command, where people write them. */
function adopt(command: Command, prepare: (command: Command) => void): void {
  prepare(command);
  for (const child of command.commands) {
    if (child.commands.length === 0 && !child.name().startsWith('help') && !takesAnything(child)) {
      withSettings(child, ...[SETTINGS.json, SETTINGS.quiet].filter(({ key }) => !hasOption(child, key)));
    }
    adopt(child, prepare);
  }
}

function hasOption(command: Command, key: string): boolean {
  return command.options.some((option) => option.attributeName() === key);
}

/** Whether a command hands everything behind its name to another program. */
function takesAnything(command: Command): boolean {
  return command.registeredArguments.some((argument) => argument.name() === 'arguments');
}
