import { Command, Option } from 'commander';
import { mountDemo } from './commands/demo.ts';
import { mountEndorsements } from './commands/endorsements.ts';
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

const INTRODUCTION = "Train one model together through an attested enclave: nobody sees another's update.";

const FIRST_STEPS = `
First steps:
  coordinator   keygen coordinator, study new, study check, study sign, study launch
  participant   keygen participant, evidence make where a study asks for it, study check, participant
  operator      enclave, host
  anybody       demo, measure, evidence verify, endorsements fetch, release verify`;

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
    .addHelpText('after', `${FIRST_STEPS}\n${SETTINGS_HELP}\n${EXIT_CODES_HELP}`);
  withSettings(program, SETTINGS.json, SETTINGS.quiet, SETTINGS.debug, SETTINGS.logLevel);
  for (const mount of [
    mountKeygen,
    mountStudy,
    mountParticipant,
    mountOperator,
    mountRelease,
    mountEvidence,
    mountEndorsements,
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

/** What the program itself knows may also stand behind any command, where people write it; only some is worth showing there. */
function adopt(command: Command, prepare: (command: Command) => void): void {
  prepare(command);
  for (const child of command.commands) {
    if (child.commands.length === 0 && !takesAnything(child)) {
      withSettings(child, ...[SETTINGS.json, SETTINGS.quiet].filter(({ key }) => !hasOption(child, key)));
      for (const { flags } of [SETTINGS.debug, SETTINGS.logLevel]) child.addOption(new Option(flags).hideHelp());
      child.addOption(new Option('--config <file>').hideHelp());
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
