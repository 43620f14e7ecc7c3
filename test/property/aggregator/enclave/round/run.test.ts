import { expect } from 'chai';
import fc from 'fast-check';
import {
  advance,
  commandApplies,
  type RoundRules,
  type RunEvent,
  type RunState,
  type RunStep,
} from '#enclave/round/run.ts';

const MEMBERS = ['a', 'b', 'c', 'd', 'e'];

const rules: fc.Arbitrary<RoundRules> = fc
  .record({ count: fc.integer({ min: 1, max: 4 }), cohort: fc.integer({ min: 1, max: 5 }), quorum: fc.nat(4) })
  .map(({ count, cohort, quorum }) => ({
    count,
    cohort,
    quorum: 1 + (quorum % cohort),
    gatherMs: 10,
    deadlineMs: 100,
  }));

/** One thing that happens; what does not apply in the present state is passed over. */
const happening = fc.record({
  kind: fc.constantFrom(
    'counted',
    'counted',
    'counted',
    'declined',
    'look',
    'published',
    'published',
    'pause',
    'resume',
    'stop',
  ),
  who: fc.nat(4),
  connected: fc.subarray(MEMBERS),
  laterMs: fc.nat(60),
});

/** The event, where it can happen in `state`. */
function eventOf(state: RunState, kind: string, who: string): RunEvent | undefined {
  switch (kind) {
    case 'pause':
    case 'resume':
    case 'stop':
      return commandApplies(state, kind) ? { kind } : undefined;
    case 'published':
      return state.kind === 'publishing' ? { kind } : undefined;
    case 'counted':
    case 'declined':
      return state.kind === 'collecting' && state.cohort.has(who) && !state.counted.has(who)
        ? { kind, participant: who }
        : undefined;
    default:
      return { kind: 'look' };
  }
}

/** Follows the effects as the room does, and knows what must never be. */
class Ledger {
  open: string | undefined;
  readonly published: number[] = [];
  readonly attempts = new Set<string>();

  take(before: RunState, event: RunEvent, { state, effects }: RunStep, bounds: RoundRules): void {
    for (const effect of effects) {
      if (effect.kind === 'open-round') {
        const attempt = `${effect.round}.${effect.attempt}`;
        expect(this.open, 'one attempt at a time').to.equal(undefined);
        expect(this.attempts.has(attempt), 'no attempt twice').to.equal(false);
        this.attempts.add(attempt);
        this.open = attempt;
      } else if (effect.kind === 'close-attempt') {
        expect(this.open, 'only an open attempt closes').not.to.equal(undefined);
        this.open = undefined;
        const counted = before.kind === 'collecting' ? before.counted.size + (event.kind === 'counted' ? 1 : 0) : 0;
        if (effect.outcome === 'aggregate') expect(counted).to.be.at.least(bounds.quorum);
        const publishes = effects.some(({ kind }) => kind === 'publish');
        expect(publishes, 'an abandoned attempt publishes nothing').to.equal(effect.outcome === 'aggregate');
      } else if (effect.kind === 'publish') {
        expect(effect.round, 'rounds are published in order, once').to.equal(this.published.length);
        this.published.push(effect.round);
      }
    }
    expect(this.open !== undefined, 'an attempt is open exactly while collecting').to.equal(
      state.kind === 'collecting',
    );
    if (state.kind === 'collecting') {
      expect(state.cohort.size).to.be.within(bounds.quorum, bounds.cohort);
      for (const id of state.counted) expect(state.cohort.has(id)).to.equal(true);
    }
  }
}

describe('the course of a study, whatever happens', () => {
  it('keeps to quorum, order and one attempt at a time', () => {
    fc.assert(
      fc.property(rules, fc.array(happening, { maxLength: 120 }), (bounds, happenings) => {
        const ledger = new Ledger();
        let nowMs = 0;
        let state: RunState = { kind: 'idle' };
        const apply = (event: RunEvent, connected: readonly string[]): void => {
          const draw = (from: readonly string[], size: number) => new Set(from.slice(0, size));
          const step = advance(state, event, { rules: bounds, connected, nowMs, draw });
          ledger.take(state, event, step, bounds);
          state = step.state;
        };
        apply({ kind: 'start' }, MEMBERS);
        for (const { kind, who, connected, laterMs } of happenings) {
          nowMs += laterMs;
          const event = eventOf(state, kind, MEMBERS[who] ?? '');
          if (event !== undefined) apply(event, connected);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('finishes when everybody stays and answers', () => {
    fc.assert(
      fc.property(rules, (bounds) => {
        let nowMs = 0;
        let state: RunState = { kind: 'idle' };
        const draw = (from: readonly string[], size: number) => new Set(from.slice(0, size));
        const apply = (event: RunEvent) => {
          state = advance(state, event, { rules: bounds, connected: MEMBERS, nowMs, draw }).state;
        };
        apply({ kind: 'start' });
        for (let step = 0; step < 200 && (state as RunState).kind !== 'finished'; step++) {
          nowMs += 1;
          const next = MEMBERS.map((who) => eventOf(state, 'counted', who)).find((event) => event !== undefined);
          apply(next ?? eventOf(state, 'published', '') ?? { kind: 'look' });
        }
        expect(state).to.deep.equal({ kind: 'finished', round: bounds.count });
      }),
    );
  });

  it('looks again, by its own wish, until a deadline has passed: a timer that fires early ends no study', () => {
    const bounds: RoundRules = { count: 1, quorum: 1, cohort: 2, gatherMs: 0, deadlineMs: 100 };
    const view = (nowMs: number) => ({
      rules: bounds,
      connected: ['a', 'b'],
      nowMs,
      draw: (ids: readonly string[]) => new Set(ids),
    });
    const recruiting: RunState = { kind: 'recruiting', round: 1, attempt: 1, gatherUntil: 0 };
    const { state } = advance(recruiting, { kind: 'look' }, view(0));
    expect(advance(state, { kind: 'look' }, view(99.9)).effects).to.deep.equal([{ kind: 'look-again', atMs: 100 }]);
    expect(advance(state, { kind: 'look' }, view(100)).effects).to.deep.include({
      kind: 'close-attempt',
      outcome: 'abandon',
    });
  });
});
