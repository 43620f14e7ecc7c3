import { assert, unreachable } from '#shared/fault/fault.ts';
import type { Phase } from '#shared/protocol/messages.ts';

/** Least time between an abandoned attempt and the next one. */
export const RETRY_GATHER_MS = 1_000;

/** When rounds open and close; from the manifest, times in ms. */
export interface RoundRules {
  readonly count: number;
  readonly quorum: number;
  /** Number drawn into each cohort, at most the number of participants. */
  readonly cohort: number;
  readonly gatherMs: number;
  readonly deadlineMs: number;
}

/** A study's course. A phase holds what exists only in it. */
export type RunState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'publishing'; readonly round: number; readonly next: AfterPublishing }
  | { readonly kind: 'recruiting'; readonly round: number; readonly attempt: number; readonly gatherUntil: number }
  | Collecting
  | { readonly kind: 'paused'; readonly round: number; readonly attempt: number }
  | { readonly kind: 'finished'; readonly round: number }
  | { readonly kind: 'stopped'; readonly round: number };

/** What follows once the release of `round` is stored. A pause or stop that comes meanwhile waits here. */
export type AfterPublishing = 'continue' | 'pause' | 'stop';

/** The phase in which updates come in. */
export interface Collecting {
  readonly kind: 'collecting';
  readonly round: number;
  readonly attempt: number;
  readonly cohort: ReadonlySet<string>;
  readonly counted: ReadonlySet<string>;
  readonly declined: ReadonlySet<string>;
  readonly deadlineAt: number;
}

/** What can happen to a study. Times are monotonic ms. */
export type RunEvent =
  | { readonly kind: 'start' | 'pause' | 'resume' | 'stop' }
  | { readonly kind: 'published' }
  | { readonly kind: 'counted' | 'declined'; readonly participant: string }
  | { readonly kind: 'look' };

/** What the caller must do after a step. */
export type RunEffect =
  | { readonly kind: 'publish'; readonly round: number }
  | { readonly kind: 'open-round'; readonly round: number; readonly attempt: number }
  | { readonly kind: 'close-attempt'; readonly outcome: 'aggregate' | 'abandon' }
  | { readonly kind: 'look-again'; readonly atMs: number }
  | { readonly kind: 'phase-changed' };

/** What a step may consult: the rules, who is connected now, the time, and the enclave's own draw. */
export interface RunView {
  readonly rules: RoundRules;
  readonly connected: readonly string[];
  readonly nowMs: number;
  draw(candidates: readonly string[], size: number): ReadonlySet<string>;
}

/** A step's result. */
export interface RunStep {
  readonly state: RunState;
  readonly effects: readonly RunEffect[];
}

/** Whether a command applies in `state`. `start` begins a study once; a stopped or finished one is over. */
export function commandApplies(state: RunState, command: 'start' | 'pause' | 'resume' | 'stop'): boolean {
  switch (command) {
    case 'start':
      return state.kind === 'idle';
    case 'resume':
      return state.kind === 'paused' || (state.kind === 'publishing' && state.next === 'pause');
    case 'pause':
      return (
        state.kind === 'recruiting' ||
        state.kind === 'collecting' ||
        (state.kind === 'publishing' && state.next === 'continue')
      );
    case 'stop':
      return state.kind !== 'finished' && state.kind !== 'stopped';
    default:
      return unreachable(command);
  }
}

/** Decides what follows from `event`; pure. */
export function advance(state: RunState, event: RunEvent, view: RunView): RunStep {
  switch (event.kind) {
    case 'start':
      assert(commandApplies(state, 'start'), 'a study starts once');
      return enter({ kind: 'publishing', round: 0, next: 'continue' }, { kind: 'publish', round: 0 });
    case 'resume':
      return resume(state, view);
    case 'pause':
      return halt(state, 'pause');
    case 'stop':
      return halt(state, 'stop');
    case 'published':
      return afterPublishing(state, view);
    case 'counted':
    case 'declined':
      return answered(state, event.kind, event.participant, view);
    case 'look':
      return look(state, view);
    default:
      return unreachable(event);
  }
}

function enter(state: RunState, ...effects: RunEffect[]): RunStep {
  return { state, effects: [{ kind: 'phase-changed' }, ...effects] };
}

function stay(state: RunState): RunStep {
  return { state, effects: [] };
}

function recruit(round: number, attempt: number, view: RunView, before: readonly RunEffect[] = []): RunStep {
  // After an abandoned attempt nobody hurries: members that all decline would open attempts as fast as they answer.
  const gatherMs = attempt === 1 ? view.rules.gatherMs : Math.max(view.rules.gatherMs, RETRY_GATHER_MS);
  const gatherUntil = view.nowMs + gatherMs;
  const step = look({ kind: 'recruiting', round, attempt, gatherUntil }, view);
  return { state: step.state, effects: [...before, { kind: 'phase-changed' }, ...step.effects] };
}

function resume(state: RunState, view: RunView): RunStep {
  assert(commandApplies(state, 'resume'), 'only a paused study resumes');
  if (state.kind === 'publishing') return enter({ ...state, next: 'continue' });
  assert(state.kind === 'paused', 'only a paused study resumes');
  return recruit(state.round, state.attempt, view);
}

function halt(state: RunState, how: 'pause' | 'stop'): RunStep {
  assert(commandApplies(state, how), 'a command applies in the present phase');
  if (state.kind === 'publishing') return stay({ ...state, next: how });
  const round = state.kind === 'idle' ? 0 : state.round;
  const attempt = state.kind === 'recruiting' || state.kind === 'paused' ? state.attempt : 0;
  const abandoned: readonly RunEffect[] =
    state.kind === 'collecting' ? [{ kind: 'close-attempt', outcome: 'abandon' }] : [];
  const next = state.kind === 'collecting' ? state.attempt + 1 : attempt;
  const halted: RunState = how === 'stop' ? { kind: 'stopped', round } : { kind: 'paused', round, attempt: next };
  return { state: halted, effects: [...abandoned, { kind: 'phase-changed' }] };
}

function afterPublishing(state: RunState, view: RunView): RunStep {
  assert(state.kind === 'publishing', 'a release is published in its own phase');
  if (state.next === 'stop') return enter({ kind: 'stopped', round: state.round });
  if (state.round >= view.rules.count) return enter({ kind: 'finished', round: state.round });
  if (state.next === 'pause') return enter({ kind: 'paused', round: state.round + 1, attempt: 1 });
  return recruit(state.round + 1, 1, view);
}

function answered(state: RunState, how: 'counted' | 'declined', participant: string, view: RunView): RunStep {
  assert(state.kind === 'collecting', 'answers come in while collecting');
  assert(state.cohort.has(participant), 'only members of the cohort answer');
  assert(!state.counted.has(participant), 'nobody is counted twice');
  return look({ ...state, [how]: new Set([...state[how], participant]) }, view);
}

/** Re-reads the clock and the room: opens a round that can open, ends one that must end. */
function look(state: RunState, view: RunView): RunStep {
  if (state.kind === 'recruiting') return lookForCohort(state, view);
  if (state.kind === 'collecting') return lookForEnd(state, view);
  return stay(state);
}

function lookForCohort(state: Extract<RunState, { kind: 'recruiting' }>, view: RunView): RunStep {
  const { rules, connected, nowMs } = view;
  const complete = connected.length >= rules.cohort && (state.attempt === 1 || nowMs >= state.gatherUntil);
  const gathered = connected.length >= rules.quorum && nowMs >= state.gatherUntil;
  if (!complete && !gathered) {
    return nowMs < state.gatherUntil
      ? { state, effects: [{ kind: 'look-again', atMs: state.gatherUntil }] }
      : stay(state);
  }
  const cohort = view.draw(connected, Math.min(rules.cohort, connected.length));
  const deadlineAt = nowMs + rules.deadlineMs;
  const { round, attempt } = state;
  return enter(
    { kind: 'collecting', round, attempt, cohort, counted: new Set(), declined: new Set(), deadlineAt },
    { kind: 'open-round', round, attempt },
    { kind: 'look-again', atMs: deadlineAt },
  );
}

function lookForEnd(state: Collecting, view: RunView): RunStep {
  const answeredAll = [...state.cohort].every((id) => state.counted.has(id) || state.declined.has(id));
  const over = answeredAll || view.nowMs >= state.deadlineAt;
  // A timer may fire a moment early, and nothing else may ever look again.
  if (!over) return { state, effects: [{ kind: 'look-again', atMs: state.deadlineAt }] };
  if (state.counted.size >= view.rules.quorum) {
    return enter(
      { kind: 'publishing', round: state.round, next: 'continue' },
      { kind: 'close-attempt', outcome: 'aggregate' },
      { kind: 'publish', round: state.round },
    );
  }
  // Below the quorum there is no release: the attempt is abandoned, the model stays, and recruiting starts anew.
  return recruit(state.round, state.attempt + 1, view, [{ kind: 'close-attempt', outcome: 'abandon' }]);
}

/** The phase as participants and observers are told it. */
export function phaseOf(state: RunState): Phase {
  return state.kind === 'publishing' ? 'aggregating' : state.kind;
}

/** The round that `state` is in; 0 before the first. */
export function roundOf(state: RunState): number {
  return state.kind === 'idle' ? 0 : state.round;
}
