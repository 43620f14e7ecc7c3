import { type Logger, pino } from 'pino';

/** Levels of the log, the quietest first. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields that never reach a log line, at the top or one level down, whoever passes them. */
const SECRET_FIELDS = ['secretKey', 'seed', 'identity', 'release.secretKey', 'weights', 'delta', 'payload', 'metrics'];

/** The structured log: JSON lines on stderr, so that stdout holds results only. */
export function createLog(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: null,
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
