import { expect } from 'chai';
import {
  advance,
  type Collecting,
  commandApplies,
  phaseOf,
  type RoundRules,
  type RunEvent,
  type RunState,
  roundOf,
} from '#enclave/round/run.ts';

const RULES: RoundRules = { count: 2, quorum: 2, cohort: 3, gatherMs: 10, deadlineMs: 100 };
const COLLECTING: Collecting = {
  kind: 'collecting',
  round: 1,
  attempt: 2,
  cohort: new Set(['a', 'b', 'c']),
  counted: new Set(['a']),
  declined: new Set(),
  deadlineAt: 100,
};
const STATES = {
  idle: { kind: 'idle' },
  recruiting: { kind: 'recruiting', round: 1, attempt: 1, gatherUntil: 10 },
  again: { kind: 'recruiting', round: 1, attempt: 2, gatherUntil: 10 },
  collecting: COLLECTING,
  publishing: { kind: 'publishing', round: 1, next: 'continue' },
  'publishing, then a pause': { kind: 'publishing', round: 1, next: 'pause' },
  'publishing, then a stop': { kind: 'publishing', round: 1, next: 'stop' },
  'publishing the last': { kind: 'publishing', round: 2, next: 'continue' },
  paused: { kind: 'paused', round: 1, attempt: 2 },
  finished: { kind: 'finished', round: 2 },
  stopped: { kind: 'stopped', round: 1 },
} as const satisfies Record<string, RunState>;

interface Row {
  readonly from: keyof typeof STATES;
  readonly event: RunEvent;
  readonly connected?: readonly string[];
  readonly nowMs?: number;
  readonly phase: string;
  readonly effects: string;
}

function step({ from, event, connected = [], nowMs = 0 }: Pick<Row, 'from' | 'event' | 'connected' | 'nowMs'>) {
  const draw = (ids: readonly string[], size: number) => new Set(ids.slice(0, size));
  return advance(STATES[from], event, { rules: RULES, connected, nowMs, draw });
}

const ALL = ['a', 'b', 'c'];
const ROWS: readonly Row[] = [
  { from: 'idle', event: { kind: 'start' }, phase: 'publishing 0', effects: 'phase-changed publish' },
  { from: 'idle', event: { kind: 'stop' }, phase: 'stopped 0', effects: 'phase-changed' },
  { from: 'idle', event: { kind: 'look' }, phase: 'idle 0', effects: '' },
  { from: 'recruiting', event: { kind: 'look' }, phase: 'recruiting 1', effects: 'look-again' },
  { from: 'recruiting', event: { kind: 'look' }, nowMs: 10, phase: 'recruiting 1', effects: '' },
  { from: 'recruiting', event: { kind: 'look' }, connected: ['a', 'b'], phase: 'recruiting 1', effects: 'look-again' },
  {
    from: 'recruiting',
    event: { kind: 'look' },
    connected: ['a', 'b'],
    nowMs: 10,
    phase: 'collecting 1',
    effects: 'phase-changed open-round look-again',
  },
  {
    from: 'recruiting',
    event: { kind: 'look' },
    connected: ALL,
    phase: 'collecting 1',
    effects: 'phase-changed open-round look-again',
  },
  { from: 'again', event: { kind: 'look' }, connected: ALL, phase: 'recruiting 1', effects: 'look-again' },
  {
    from: 'again',
    event: { kind: 'look' },
    connected: ALL,
    nowMs: 10,
    phase: 'collecting 1',
    effects: 'phase-changed open-round look-again',
  },
  { from: 'recruiting', event: { kind: 'pause' }, phase: 'paused 1', effects: 'phase-changed' },
  { from: 'recruiting', event: { kind: 'stop' }, phase: 'stopped 1', effects: 'phase-changed' },
  { from: 'collecting', event: { kind: 'look' }, nowMs: 99, phase: 'collecting 1', effects: 'look-again' },
  {
    from: 'collecting',
    event: { kind: 'look' },
    nowMs: 100,
    phase: 'recruiting 1',
    effects: 'close-attempt phase-changed look-again',
  },
  { from: 'collecting', event: { kind: 'counted', participant: 'b' }, phase: 'collecting 1', effects: 'look-again' },
  {
    from: 'collecting',
    event: { kind: 'counted', participant: 'b' },
    nowMs: 100,
    phase: 'publishing 1',
    effects: 'phase-changed close-attempt publish',
  },
  { from: 'collecting', event: { kind: 'declined', participant: 'c' }, phase: 'collecting 1', effects: 'look-again' },
  { from: 'collecting', event: { kind: 'pause' }, phase: 'paused 1', effects: 'close-attempt phase-changed' },
  { from: 'collecting', event: { kind: 'stop' }, phase: 'stopped 1', effects: 'close-attempt phase-changed' },
  { from: 'publishing', event: { kind: 'published' }, phase: 'recruiting 2', effects: 'phase-changed look-again' },
  { from: 'publishing', event: { kind: 'pause' }, phase: 'publishing 1', effects: '' },
  { from: 'publishing', event: { kind: 'stop' }, phase: 'publishing 1', effects: '' },
  { from: 'publishing', event: { kind: 'look' }, phase: 'publishing 1', effects: '' },
  { from: 'publishing, then a pause', event: { kind: 'resume' }, phase: 'publishing 1', effects: 'phase-changed' },
  { from: 'publishing, then a pause', event: { kind: 'published' }, phase: 'paused 2', effects: 'phase-changed' },
  { from: 'publishing, then a stop', event: { kind: 'published' }, phase: 'stopped 1', effects: 'phase-changed' },
  { from: 'publishing the last', event: { kind: 'published' }, phase: 'finished 2', effects: 'phase-changed' },
  { from: 'paused', event: { kind: 'resume' }, phase: 'recruiting 1', effects: 'phase-changed look-again' },
  { from: 'paused', event: { kind: 'stop' }, phase: 'stopped 1', effects: 'phase-changed' },
  { from: 'finished', event: { kind: 'look' }, phase: 'finished 2', effects: '' },
  { from: 'stopped', event: { kind: 'look' }, phase: 'stopped 1', effects: '' },
];

describe('the course of a study', () => {
  for (const row of ROWS) {
    const { from, event, connected = [], nowMs = 0, phase, effects } = row;
    it(`${from}, on ${event.kind} with ${connected.length} connected at ${nowMs} ms, is ${phase}`, () => {
      const { state, effects: found } = step(row);
      expect(`${state.kind} ${roundOf(state)}`).to.equal(phase);
      expect(found.map(({ kind }) => kind).join(' ')).to.equal(effects);
    });
  }

  it('a paused attempt is never opened again: it resumes with the next', () => {
    expect(step({ from: 'collecting', event: { kind: 'pause' } }).state).to.deep.equal({
      kind: 'paused',
      round: 1,
      attempt: 3,
    });
  });

  it('all answers in, and a quorum among them, end a round before its deadline', () => {
    const counted = new Set(['a', 'b']);
    const view = { rules: RULES, connected: [], nowMs: 0, draw: () => new Set<string>() };
    const ended = advance({ ...COLLECTING, counted }, { kind: 'declined', participant: 'c' }, view);
    expect(ended.state).to.deep.equal({ kind: 'publishing', round: 1, next: 'continue' });
  });

  it('is told to participants by phase: what is published is aggregated to them', () => {
    expect(phaseOf(STATES.publishing)).to.equal('aggregating');
    for (const name of ['idle', 'recruiting', 'collecting', 'paused', 'finished', 'stopped'] as const) {
      expect(phaseOf(STATES[name])).to.equal(name);
    }
  });

  const applying: Readonly<Record<'start' | 'pause' | 'resume' | 'stop', readonly (keyof typeof STATES)[]>> = {
    start: ['idle'],
    resume: ['paused', 'publishing, then a pause'],
    pause: ['recruiting', 'again', 'collecting', 'publishing', 'publishing the last'],
    stop: [
      'idle',
      'recruiting',
      'again',
      'collecting',
      'publishing',
      'publishing, then a pause',
      'publishing, then a stop',
      'publishing the last',
      'paused',
    ],
  };
  for (const command of ['start', 'pause', 'resume', 'stop'] as const) {
    it(`${command} applies in ${applying[command].join('; ')}, and stops the program elsewhere`, () => {
      for (const [name, state] of Object.entries(STATES)) {
        const applies = applying[command].some((each) => each === name);
        expect(commandApplies(state, command), name).to.equal(applies);
        const view = { rules: RULES, connected: [], nowMs: 0, draw: () => new Set<string>() };
        if (!applies) expect(() => advance(state, { kind: command }, view), name).to.throw();
      }
    });
  }

  it('what cannot happen stops the program', () => {
    const counted = (participant: string): RunEvent => ({ kind: 'counted', participant });
    expect(() => step({ from: 'collecting', event: counted('a') })).to.throw('twice');
    expect(() => step({ from: 'collecting', event: counted('z') })).to.throw('cohort');
    expect(() => step({ from: 'paused', event: counted('b') })).to.throw('collecting');
    expect(() => step({ from: 'idle', event: { kind: 'published' } })).to.throw('its own phase');
  });
});
