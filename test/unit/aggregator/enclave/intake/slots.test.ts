import { expect } from 'chai';
import { StagingSlots } from '#enclave/intake/slots.ts';

const STALL_MS = 100;

class Desk {
  readonly slots: StagingSlots;
  readonly log: string[] = [];
  nowMs = 0;

  constructor(count: number) {
    this.slots = new StagingSlots(count, STALL_MS);
  }

  ask(owner: string): void {
    this.slots.request(
      owner,
      this.nowMs,
      (slot) => this.log.push(`${owner} has ${slot}`),
      () => this.log.push(`${owner} lost`),
    );
  }
}

describe('staging slots', () => {
  it('are handed out in the order of asking, and passed on when given up', () => {
    const desk = new Desk(2);
    for (const owner of ['a', 'b', 'c', 'd']) desk.ask(owner);
    expect(desk.slots.contended).to.equal(true);
    desk.slots.release('a', 1);
    desk.slots.release('d', 1);
    desk.slots.release('b', 1);
    desk.slots.release('nobody', 1);
    expect(desk.log).to.deep.equal(['a has 0', 'b has 1', 'c has 0']);
    expect(desk.slots.contended).to.equal(false);
    expect(desk.slots.slotOf('c')).to.equal(0);
    expect(desk.slots.slotOf('d')).to.equal(undefined);
  });

  it('stay with a holder that stands still while nobody waits', () => {
    const desk = new Desk(1);
    desk.ask('a');
    desk.slots.serve(10 * STALL_MS);
    expect(desk.log).to.deep.equal(['a has 0']);
  });

  it('are taken from a holder that stands still when another waits, and not a moment earlier', () => {
    const desk = new Desk(1);
    desk.ask('a');
    desk.ask('b');
    desk.slots.progressed(0, 50);
    desk.slots.serve(50 + STALL_MS - 1);
    expect(desk.log).to.deep.equal(['a has 0']);
    desk.slots.serve(50 + STALL_MS);
    expect(desk.log).to.deep.equal(['a has 0', 'a lost', 'b has 0']);
  });

  it('are taken from no more holders than wait', () => {
    const desk = new Desk(3);
    for (const owner of ['a', 'b', 'c']) desk.ask(owner);
    desk.nowMs = STALL_MS;
    desk.ask('d');
    expect(desk.log.slice(3)).to.deep.equal(['a lost', 'd has 0']);
  });

  it('stop the program when asked for twice, when none exist, or when nobody holds what moves', () => {
    const desk = new Desk(1);
    desk.ask('a');
    desk.ask('b');
    expect(() => desk.ask('a')).to.throw('once at a time');
    expect(() => desk.ask('b')).to.throw('once at a time');
    expect(() => new StagingSlots(0, STALL_MS)).to.throw('at least one');
    expect(() => desk.slots.progressed(1, 0)).to.throw('held');
  });
});
