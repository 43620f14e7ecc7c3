import { nodeCrypto } from '#shared/crypto/node.ts';
import { EXIT } from './exit-code.ts';
import { reportFailure } from './failure.ts';
import { systemCode } from './input-file.ts';
import { buildProgram } from './program.ts';
import { CliRuntime, type CliWorld } from './runtime.ts';

/** Runs one command line (without `node` and the file) and answers the exit code. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const runtime = new CliRuntime(world);
  try {
    await buildProgram(runtime).parseAsync(args, { from: 'user' });
    return runtime.exitCode ?? (world.signal.aborted ? EXIT.interrupted : EXIT.ok);
  } catch (error) {
    if (world.signal.aborted) return EXIT.interrupted;
    const mode = { json: args.includes('--json'), debug: args.includes('--debug') };
    return reportFailure(error, world.stderr, mode);
  }
}

/** The terminal and the program that started us may each pass on one Ctrl-C; what comes later is a second one. */
const ONE_CTRL_C_MS = 1000;

/**
 * Aborts at the first SIGINT or SIGTERM, so that the command can end in order; a second one ends the process. A reader
 * of stdout that went away, as `| head` does, counts as a first one.
 */
function interruptSignal(): AbortSignal {
  const interrupt = new AbortController();
  let firstMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      firstMs ??= performance.now();
      interrupt.abort();
      if (performance.now() - firstMs > ONE_CTRL_C_MS) process.exit(EXIT.interrupted);
    });
  }
  process.stdout.on('error', (error) => {
    if (systemCode(error) !== 'EPIPE') throw error;
    interrupt.abort();
  });
  return interrupt.signal;
}

if (import.meta.main) {
  process.exitCode = await runCli(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    crypto: nodeCrypto,
    nowMs: () => Date.now(),
    signal: interruptSignal(),
  });
}
