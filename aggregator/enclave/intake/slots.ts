import { assert } from '#shared/fault/fault.ts';

interface Holder {
  readonly owner: string;
  readonly lost: () => void;
  lastProgressMs: number;
}

/**
 * The staging areas of one study: each upload in flight holds one, so that memory is bounded by their number and not
 * by the cohort. Others wait in line; a holder that stands still longer than `stallMs` loses its place to the next.
 */
export class StagingSlots {
  readonly #holders: (Holder | undefined)[];
  readonly #waiting = new Map<string, { granted: (slot: number) => void; lost: () => void }>();
  readonly #stallMs: number;

  constructor(count: number, stallMs: number) {
    assert(count >= 1, 'there is at least one staging area');
    this.#holders = Array.from({ length: count }, () => undefined);
    this.#stallMs = stallMs;
  }

  /**
   * Asks for a slot for `owner`: `granted` is called at once or later, `lost` if the place is taken away again.
   * An owner asks once at a time.
   */
  request(owner: string, nowMs: number, granted: (slot: number) => void, lost: () => void): void {
    assert(!this.#waiting.has(owner) && this.slotOf(owner) === undefined, 'an owner asks once at a time');
    this.#waiting.set(owner, { granted, lost });
    this.serve(nowMs);
  }

  /** The slot that `owner` holds, if any. */
  slotOf(owner: string): number | undefined {
    const slot = this.#holders.findIndex((holder) => holder?.owner === owner);
    return slot < 0 ? undefined : slot;
  }

  /** Notes that `owner`'s upload moved on. */
  progressed(slot: number, nowMs: number): void {
    const holder = this.#holders[slot];
    assert(holder !== undefined, 'only a held slot progresses');
    holder.lastProgressMs = nowMs;
  }

  /** Gives up `owner`'s slot or place in line. */
  release(owner: string, nowMs: number): void {
    this.#waiting.delete(owner);
    const slot = this.slotOf(owner);
    if (slot === undefined) return;
    this.#holders[slot] = undefined;
    this.serve(nowMs);
  }

  /** Hands out free slots, taking stalled ones away first when somebody waits; call it from time to time. */
  serve(nowMs: number): void {
    if (this.#waiting.size > 0 && !this.#holders.includes(undefined)) this.#preempt(nowMs);
    for (const [owner, { granted, lost }] of this.#waiting) {
      const slot = this.#holders.indexOf(undefined);
      if (slot < 0) return;
      this.#waiting.delete(owner);
      this.#holders[slot] = { owner, lost, lastProgressMs: nowMs };
      granted(slot);
    }
  }

  /** Takes as many stalled places as there are owners that wait; all of them are held. */
  #preempt(nowMs: number): void {
    let taken = 0;
    this.#holders.forEach((holder, slot) => {
      const stalled = holder !== undefined && nowMs - holder.lastProgressMs >= this.#stallMs;
      if (!stalled || taken === this.#waiting.size) return;
      taken += 1;
      this.#holders[slot] = undefined;
      holder.lost();
    });
  }

  /** Whether anybody waits for a slot. */
  get contended(): boolean {
    return this.#waiting.size > 0;
  }
}
