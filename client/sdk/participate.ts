import type { Trainer } from '#client/trainer/trainer.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { equalBytes } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { type CodeEntry, FAULT_CODES, REFUSAL_CODES } from '#shared/fault/codes.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { ParticipantKeys } from '#shared/keys/key-file.ts';
import type { Study, StudyParticipant } from '#shared/study/study.ts';
import { Attendance, type AttendContext } from './attend.ts';
import type { ParticipantAttester } from './attest.ts';
import { BACKOFF, type BackoffPolicy, backoffMs } from './backoff.ts';
import { type Clock, pause } from './clock.ts';
import type { EventSink } from './events.ts';
import type { HostClient } from './host.ts';
import { joinStudy, type Membership } from './join.ts';
import { ReleaseFollower } from './receive.ts';
import { mayRejoin } from './refusal-policy.ts';
import type { HeldRelease, ReleaseStore } from './release-store.ts';
import { RoundWork } from './round-work.ts';
import type { Connect } from './transport.ts';

/** How long a participant keeps trying without any progress. */
export const GIVE_UP_AFTER_MS = 24 * 3600 * 1000;

/** Close frames from before the keys could be forged, so one alone stops nobody; this many in a row do. */
const HINTS_MAX = 5;

/** How long a trainer may take to notice that it is no longer needed. */
const TRAINER_STOP_MS = 10_000;

/** Who takes part in what, on whose terms. */
export interface Participation {
  readonly study: Study;
  /** Id of this participant in the manifest. */
  readonly participant: string;
  readonly keys: ParticipantKeys;
  /** The participant's own appraisal policies, at least one: they must hold as well as the manifest's. */
  readonly policies: readonly [AppraisalPolicy, ...AppraisalPolicy[]];
  readonly trainer: Trainer;
  readonly store: ReleaseStore;
  /** Needed where the manifest demands evidence from this participant. */
  readonly attester?: ParticipantAttester;
}

/** What the participant needs of the world. `random` is uniform in [0, 1) and decides waiting times only. */
export interface ParticipantPorts {
  readonly connect: Connect;
  readonly host: HostClient;
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onEvent: EventSink;
}

/** How persistent to be; every field has a default. */
export interface Persistence {
  readonly backoff?: BackoffPolicy;
  readonly giveUpAfterMs?: number;
}

/** How taking part ended, and with which release in hand. */
export type ParticipationEnd = {
  readonly kind: 'left' | 'finished' | 'stopped';
  readonly release: HeldRelease | undefined;
};

/** What a session left behind. */
type SessionEnd =
  | { readonly kind: 'left' | 'finished' | 'stopped' }
  | {
      readonly kind: 'again';
      readonly code: string;
      readonly because: string;
      readonly retryAfterMs: number;
      readonly progressed: boolean;
      /** A close that forbids coming back, but that anybody could have written. */
      readonly forbidding: boolean;
    };

/**
 * Takes part in a study until it has finished or was stopped, or until `signal` aborts (a `leave` is then sent).
 * Lost connections are made again, with back-off; training, envelope and upload go on where they were.
 * The trainer is not disposed.
 * @throws Fault - CONFIG_INVALID before anything is sent; EVIDENCE_REFUSED, EVIDENCE_UNBOUND,
 * ENCLAVE_SIGNATURE_INVALID, ENCLAVE_STATEMENT_WRONG, RELEASE_INVALID, RELEASE_UNCHAINED, RELEASE_SEALED and
 * PEER_REFUSED at once; CONNECTION_LOST, SESSION_TAMPERED and ATTESTER_FAILED after `giveUpAfterMs` without progress
 */
export async function participate(
  participation: Participation,
  ports: ParticipantPorts,
  signal: AbortSignal,
  persistence: Persistence = {},
): Promise<ParticipationEnd> {
  const context = contextOf(participation, ports, signal);
  try {
    const kind = await attendUntilOver(context, ports, persistence);
    const release = await context.releases.newest();
    ports.onEvent(kind === 'left' ? { kind } : { kind: 'ended', phase: kind, release: context.releases.name(release) });
    return { kind, release };
  } finally {
    context.work.abandon();
    const stopped = new AbortController();
    const settled = context.work.trainingSettled().finally(() => stopped.abort());
    await Promise.race([settled, pause(ports.clock, TRAINER_STOP_MS, stopped.signal)]);
  }
}

async function attendUntilOver(
  context: AttendContext,
  ports: ParticipantPorts,
  { backoff = BACKOFF, giveUpAfterMs = GIVE_UP_AFTER_MS }: Persistence,
): Promise<'left' | 'finished' | 'stopped'> {
  const { clock, random, onEvent } = ports;
  let failures = 0;
  let hints = 0;
  let progressAtMs = clock.monotonicMs();
  for (;;) {
    if (context.signal.aborted) return 'left';
    const end = await attendOnce(context, ports.connect);
    if (end.kind !== 'again') return end.kind;
    const { code, because } = end;
    hints = end.forbidding ? hints + 1 : 0;
    if (hints >= HINTS_MAX) {
      throw new Fault(
        'PEER_REFUSED',
        `${hints} connections in a row were closed with ${code}; look before trying again`,
      );
    }
    if (end.progressed) {
      failures = 0;
      progressAtMs = clock.monotonicMs();
    }
    if (clock.monotonicMs() - progressAtMs >= giveUpAfterMs) {
      throw new Fault(
        'CONNECTION_LOST',
        `no progress for ${giveUpAfterMs} ms; the last session ended with ${code}: ${because}`,
      );
    }
    const delayMs = backoffMs(failures, end.retryAfterMs, random, backoff);
    failures += 1;
    onEvent({ kind: 'reconnecting', delayMs, code, because });
    await pause(clock, delayMs, context.signal);
  }
}

/** One connection, from its opening to its end. */
async function attendOnce(context: AttendContext, connect: Connect): Promise<SessionEnd> {
  let attendance: Attendance | undefined;
  try {
    const transport = await connect(context.signal);
    const held = await context.releases.newest();
    const joined = await joinStudy(transport, context.membership, held?.digest, context);
    if (joined.kind === 'closed') return closedBeforeWelcome(joined.hint, joined.authentic);
    const { session } = joined;
    attendance = new Attendance(session, context);
    try {
      const end = await attendance.run();
      if (end.kind === 'left') return end;
      if (end.kind === 'ended') return { kind: end.phase };
      return closed(end.code, end.retryAfterMs, attendance.progressed);
    } finally {
      session.close();
    }
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    if (context.signal.aborted) return { kind: 'left' };
    if (FAULT_CODES[cause.code].action !== 'retry') throw cause;
    const progressed = attendance?.progressed ?? false;
    return { kind: 'again', code: cause.code, because: cause.message, retryAfterMs: 0, progressed, forbidding: false };
  }
}

function closedBeforeWelcome(hint: { code: string; retryAfterMs: number }, authentic: boolean): SessionEnd {
  if (authentic) return closed(hint.code, hint.retryAfterMs, false);
  const because = 'the connection was closed before the enclave was known to speak';
  return { kind: 'again', ...hint, because, progressed: false, forbidding: !mayRejoin(hint.code) };
}

/** The attested enclave itself closed the session. */
function closed(code: string, retryAfterMs: number, progressed: boolean): SessionEnd {
  if (!mayRejoin(code)) {
    const known: Readonly<Record<string, CodeEntry>> = REFUSAL_CODES;
    const meaning = known[code]?.meaning ?? 'a code that this version does not know';
    throw new Fault('PEER_REFUSED', `the enclave closed the session with ${code}: ${meaning}`);
  }
  return {
    kind: 'again',
    code,
    because: 'the enclave closed the session',
    retryAfterMs,
    progressed,
    forbidding: false,
  };
}

function contextOf(participation: Participation, ports: ParticipantPorts, signal: AbortSignal): AttendContext {
  const { study, keys, trainer, store, attester } = participation;
  const { crypto, clock, onEvent } = ports;
  const own = ownEntry(participation);
  const policies = [study.policy, ...participation.policies];
  const membership: Membership = {
    manifestDigest: study.digest,
    participant: own.id,
    identity: keys.identity,
    policies,
    ...(own.evidence === undefined || attester === undefined ? {} : { attester }),
  };
  const recipient = { id: own.id, secretKey: keys.release.secretKey };
  const releases = new ReleaseFollower({ study, policies, recipient, store }, { ...ports });
  const work = new RoundWork(trainer, clock, onEvent);
  return { study, membership, work, releases, crypto, clock, onEvent, signal };
}

/** The manifest's entry for this participant, when it fits the keys and what the study asks. */
function ownEntry({ study, participant, keys, attester }: Participation): StudyParticipant {
  const own = study.participants.find(({ id }) => id === participant);
  if (own === undefined) throw misfit(`the manifest names no participant ${participant}`);
  if (!equalBytes(own.identityKey, keys.identity.publicKey) || !equalBytes(own.releaseKey, keys.release.publicKey)) {
    throw misfit(`the key file does not hold the keys that the manifest names for ${participant}`);
  }
  if (own.evidence !== undefined && attester === undefined) {
    throw misfit(`the manifest demands evidence from ${participant}, and no attester was given`);
  }
  if (!study.recipients.some(({ id }) => id === participant)) {
    throw misfit(`the manifest does not release the model to ${participant}, who so has nothing to train from`);
  }
  return own;
}

function misfit(message: string): Fault {
  return new Fault('CONFIG_INVALID', message);
}
