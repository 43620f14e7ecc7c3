import type { CryptoPort } from '#shared/crypto/port.ts';
import type { InstanceKeys } from '../keys/instance-keys.ts';
import type { Clock } from '../ports/clock.ts';
import type { HostPort } from '../ports/host.ts';
import type { StudyRoom } from './room.ts';

/** Severity of a log line. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes a line to the operator's log: an event's name and counts. Never a key, a value of an update or peer text. */
export type Log = (level: LogLevel, event: string, fields?: Readonly<Record<string, string | number>>) => void;

/** What a study works with inside the enclave. */
export interface RoomContext {
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly keys: InstanceKeys;
  readonly host: HostPort;
  /** Size of the chunks that participants are told to send, bytes. */
  readonly chunkBytes: number;
  readonly log: Log;
  /** The phase or round of a study has changed. */
  courseChanged(room: StudyRoom): void;
}
