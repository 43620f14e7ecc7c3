import { constants } from 'node:os';
import type { FaultCode } from '#shared/fault/codes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { startHost } from './host.ts';
import { createLog } from './log.ts';
import { HELP, readHostOptions } from './options.ts';

/** Exit codes: 0 stopped as asked, 2 wrong options or files, 4 no queue for now, 1 anything else. */
async function main(): Promise<void> {
  const options = readHostOptions(process.argv.slice(2), process.env);
  if (options === undefined) {
    process.stdout.write(HELP);
    return;
  }
  const log = createLog(options.logLevel);
  const stop = stopSignal();
  const host = await startHost(options, log, process.env['PATH'] ?? '');
  log.info({ event: 'ready', address: host.address, port: host.port, queue: host.queueLabel });
  process.on('SIGHUP', () => void host.rereadEndorsements());
  const signal = await stop;
  log.info({ event: 'stopping', signal });
  await host.close();
}

/** A service manager, a terminal and the program that started us may each pass on one request to stop. */
const ONE_REQUEST_MS = 1000;

/** The first SIGINT or SIGTERM; another one, later, ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  let firstMs: number | undefined;
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        firstMs ??= performance.now();
        if (performance.now() - firstMs > ONE_REQUEST_MS) process.exit(128 + constants.signals[signal]);
        resolve(signal);
      });
    }
  });
}

function exitCodeOf(code: FaultCode): number {
  if (code === 'CONFIG_INVALID') return 2;
  return code === 'QUEUE_UNAVAILABLE' ? 4 : 1;
}

try {
  await main();
} catch (error) {
  const message = error instanceof Fault ? `${error.code}: ${error.message}` : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = error instanceof Fault ? exitCodeOf(error.code) : 1;
}
