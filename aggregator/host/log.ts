import { destination, type Logger, pino } from 'pino';

/** The host's structured log: one JSON object a line. */
export type Log = Logger;

/** A log on standard output. `level` is a pino level such as `info`. */
export function createLog(level: string): Log {
  return pino({ name: 'cloister-host', level }, destination({ fd: 1, sync: true }));
}
