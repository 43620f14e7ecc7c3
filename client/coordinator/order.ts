import { type Clock, pause } from '#client/sdk/clock.ts';
import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { REFUSAL_CODES } from '#shared/fault/codes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { type CommandName, sealCommand } from '#shared/study/command.ts';
import type { CommandJob, HostApi } from './host-api.ts';

/** How long a command may be obeyed. */
export const VALIDITY_MS = 10 * 60 * 1000;
const POLL_MS = 500;
const NONCE_BYTES = 16;

/** What an order needs. `coordinatorSecretKey` is the Ed25519 seed of the manifest's coordinator. */
export interface OrderContext {
  readonly attested: AttestedAggregator;
  readonly coordinatorSecretKey: Uint8Array;
  readonly crypto: CryptoPort;
  readonly clock: Clock;
}

/** The signed command for the attested enclave. */
export function buildOrder(command: CommandName, context: OrderContext): Uint8Array {
  const { attested, coordinatorSecretKey, crypto, clock } = context;
  const issuedAtMs = clock.wallMs();
  return sealCommand(
    {
      manifestDigest: attested.manifestDigest,
      instance: crypto.digest('sha256', attested.signingKey),
      command,
      nonce: crypto.randomBytes(NONCE_BYTES),
      issuedAtMs,
      expiresAtMs: issuedAtMs + VALIDITY_MS,
    },
    coordinatorSecretKey,
    crypto,
  );
}

/** How to follow a job. `onChange` is told each new state and each new progress. */
export interface Following {
  readonly clock: Clock;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly onChange: (job: CommandJob) => void;
}

/**
 * Follows a command's job until it is done, `waitMs` have passed or `signal` aborts, and answers where it stands then.
 * @throws Fault `PEER_REFUSED` when the enclave refused the command
 */
export async function followOrder(host: HostApi, id: string, following: Following): Promise<CommandJob> {
  const { clock, waitMs, signal, onChange } = following;
  const untilMs = clock.monotonicMs() + waitMs;
  let told: string | undefined;
  for (;;) {
    const job = await host.job(id);
    const now = JSON.stringify([job.state, job.progress]);
    if (now !== told) onChange(job);
    told = now;
    if (job.state === 'failed') throw new Fault('PEER_REFUSED', `the command was refused: ${refusalWords(job.result)}`);
    if (job.state === 'completed' || signal.aborted || clock.monotonicMs() >= untilMs) return job;
    await pause(clock, POLL_MS, signal);
  }
}

/** The refusal code in a job's result with its meaning; never the host's own words. */
function refusalWords(result: unknown): string {
  const text = typeof result === 'string' ? result : JSON.stringify(result ?? '');
  const entry = Object.entries(REFUSAL_CODES).find(([code]) => text.includes(code));
  return entry === undefined ? 'the host gives no known reason' : `${entry[0]}, ${entry[1].meaning}`;
}
