import { CommanderError } from 'commander';
import { FAULT_CODES } from '#shared/fault/codes.ts';
import { Fault, type FaultAction } from '#shared/fault/fault.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import type { Sink } from './output.ts';

/** What to do about a fault, by its action. */
const ADVICE: Record<FaultAction, string> = {
  fix: 'Mend what the message names and run the command again.',
  retry: 'Nothing is lost. Try again in a while.',
  stop: 'Do not go on before you know why: ask whoever sent it to you.',
};

/** How an error is to be told. */
export interface FailureMode {
  readonly json: boolean;
  readonly debug: boolean;
}

/** Tells an error on `stderr` and answers the exit code that belongs to it. */
export function reportFailure(error: unknown, stderr: Sink, mode: FailureMode): number {
  // Commander has already written its own message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Fault) {
    const { action } = FAULT_CODES[error.code];
    if (mode.json) {
      stderr.write(`${JSON.stringify({ error: { code: error.code, message: error.message, action } })}\n`);
    } else {
      stderr.write(`error ${error.code}: ${error.message}\n${ADVICE[action]}\n`);
    }
    if (mode.debug && error.cause !== undefined) stderr.write(`${stackOf(error.cause)}\n`);
    return exitCodeOf(error.code);
  }
  const message = error instanceof Error ? error.message : 'an unknown error';
  if (mode.json) stderr.write(`${JSON.stringify({ error: { code: 'UNEXPECTED', message } })}\n`);
  else
    stderr.write(
      `error UNEXPECTED: ${message}\nThis is a fault of the program. Run again with --debug and report it.\n`,
    );
  if (mode.debug) stderr.write(`${stackOf(error)}\n`);
  return EXIT.failed;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
