import { type Command, Option } from 'commander';
import type { Logger } from 'pino';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { createLog } from './log.ts';
import { Output, type Sink } from './output.ts';
import { environmentName, readConfigFile, SETTINGS, type Setting, Settings } from './settings.ts';

/** What the process gives the commands; tests give their own. */
export interface CliWorld {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly crypto: CryptoPort;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What a command runs with. */
export interface CliContext extends CliWorld {
  readonly settings: Settings;
  readonly output: Output;
  readonly log: Logger;
  /** Positional arguments, in order. */
  readonly args: readonly string[];
  /** Options of the command itself that are no settings, as commander read them. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Ends the process with another code than 0, without an error message. */
  exitWith(code: number): void;
}

/** A command's work. Results go to `output`; what goes wrong is thrown as a `Fault`. */
export type CliAction = (context: CliContext) => Promise<void>;

/** Adapts an action to commander: settings are resolved and an output is made before it runs. */
export class CliRuntime {
  readonly #world: CliWorld;
  #exitCode: number | undefined;

  constructor(world: CliWorld) {
    this.#world = world;
  }

  /** What an action asked to exit with, if one did. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  get world(): CliWorld {
    return this.#world;
  }

  /** The function that commander calls for a command. */
  action(run: CliAction): (...received: unknown[]) => Promise<void> {
    return async (...received) => {
      const command = received.at(-1);
      if (!isCommand(command)) throw new TypeError('commander gives the command last');
      const flags: Readonly<Record<string, unknown>> = command.optsWithGlobals();
      const file = await readConfigFile(textFlag(flags, 'config') ?? this.#world.environment.CLOISTER_CONFIG);
      const settings = new Settings({ flags, environment: this.#world.environment, file });
      const mode = { json: settings.get(SETTINGS.json) ?? false, quiet: settings.get(SETTINGS.quiet) ?? false };
      await run({
        ...this.#world,
        settings,
        output: new Output(this.#world.stdout, this.#world.stderr, mode),
        log: createLog(settings.get(SETTINGS.logLevel) ?? 'warn'),
        args: command.args,
        flags,
        exitWith: (code) => {
          this.#exitCode = code;
        },
      });
    };
  }
}

function isCommand(value: unknown): value is Command {
  return typeof value === 'object' && value !== null && 'optsWithGlobals' in value;
}

/** Adds a setting to a command as an option whose help names its other places. */
export function withSettings(command: Command, ...settings: readonly Setting<unknown>[]): Command {
  for (const setting of settings) {
    const option = new Option(setting.flags, `${setting.help} [${environmentName(setting)}]`);
    command.addOption(setting.repeatable === true ? option.argParser(collect) : option);
  }
  return command;
}

/** A flag that takes one value each time it is given, so that it never swallows the arguments behind it. */
function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** The text of an option, or `undefined` when it was not given. */
export function textFlag(flags: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** The texts of an option that may be given more than once. */
export function textFlags(flags: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const value = flags[name];
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}
