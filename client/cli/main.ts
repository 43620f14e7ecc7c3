import { nodeCrypto } from '#shared/crypto/node.ts';
import { EXIT } from './exit-code.ts';
import { reportFailure } from './failure.ts';
import { buildProgram } from './program.ts';
import { CliRuntime, type CliWorld } from './runtime.ts';

/** Runs one command line (without `node` and the file) and answers the exit code. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const runtime = new CliRuntime(world);
  try {
    await buildProgram(runtime).parseAsync(args, { from: 'user' });
    return world.signal.aborted ? EXIT.interrupted : runtime.exitCode;
  } catch (error) {
    if (world.signal.aborted) return EXIT.interrupted;
    const mode = { json: args.includes('--json'), debug: args.includes('--debug') };
    return reportFailure(error, world.stderr, mode);
  }
}

if (import.meta.main) {
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
  process.exitCode = await runCli(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    crypto: nodeCrypto,
    nowMs: () => Date.now(),
    signal: interrupt.signal,
  });
}
