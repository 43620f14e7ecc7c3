import { webSocketConnect } from '#client/sdk/connect.ts';
import type { ParticipantEvent } from '#client/sdk/events.ts';
import { httpHost } from '#client/sdk/host.ts';
import { type Participation, type ParticipationEnd, type Persistence, participate } from '#client/sdk/participate.ts';
import { memoryReleaseStore } from '#client/sdk/release-store.ts';
import type { Trainer, TrainingInput, TrainingResult } from '#client/trainer/trainer.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { Fault } from '#shared/fault/fault.ts';
import { HandClock } from './hand-clock.ts';
import { type FakeStudy, PARAMETER_COUNT } from './participant-study.ts';
import { NOW_MS } from './tee/enclave.ts';

/** The delta of {@link steadyTrainer}: different values, so that a swapped chunk would show. */
export const DELTA = Float32Array.from({ length: PARAMETER_COUNT }, (_, index) => index / 8);

/** A trainer that always answers {@link DELTA}, and counts. */
export function steadyTrainer(answer: (input: TrainingInput) => Partial<TrainingResult> = () => ({})): Trainer & {
  readonly inputs: TrainingInput[];
} {
  const inputs: TrainingInput[] = [];
  return {
    inputs,
    train: async (input) => {
      inputs.push(input);
      return { delta: DELTA.slice(), examples: 7, metrics: { loss: 0.25 }, ...answer(input) };
    },
    dispose: () => undefined,
  };
}

/** A participant that runs, and what it reported so far. */
export interface Run {
  readonly events: ParticipantEvent[];
  readonly clock: HandClock;
  readonly end: Promise<ParticipationEnd>;
  leave(): void;
}

/** Options of a run; `random` decides waits between connections. */
export interface RunOptions extends Partial<Participation> {
  readonly random?: () => number;
  readonly persistence?: Persistence;
  readonly onEvent?: (event: ParticipantEvent) => void;
}

/**
 * Runs `mary` against the enclave at `origin`. Waits between two connections pass at once, on a clock that nothing else
 * moves.
 */
export function runParticipant(origin: URL, fake: FakeStudy, options: RunOptions = {}): Run {
  const { random = () => 0.5, persistence = {}, onEvent, ...rest } = options;
  const clock = new HandClock(NOW_MS);
  const events: ParticipantEvent[] = [];
  const leave = new AbortController();
  const end = participate(
    {
      study: fake.study,
      participant: 'mary',
      keys: fake.keys,
      policies: [fake.policy],
      trainer: steadyTrainer(),
      store: memoryReleaseStore(),
      ...rest,
    },
    {
      connect: webSocketConnect(`ws://${origin.host}/v1/enclave`, clock),
      host: httpHost(origin),
      crypto: nodeCrypto,
      clock,
      random,
      onEvent: (event) => {
        events.push(event);
        // The wait is armed right after this event.
        if (event.kind === 'reconnecting') setImmediate(() => clock.advance(event.delayMs));
        onEvent?.(event);
      },
    },
    leave.signal,
    persistence,
  );
  // A test that awaits something else first must not see this as unhandled.
  end.catch(() => undefined);
  return { events, clock, end, leave: () => leave.abort() };
}

/** The code of the fault that `work` rejects with, or `none`. */
export async function faultCode(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (cause) {
    if (cause instanceof Fault) return cause.code;
    throw cause;
  }
}
