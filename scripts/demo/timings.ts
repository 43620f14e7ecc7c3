import type { ParticipantEvent } from '#client/sdk/index.ts';
import type { RoundReport } from './report.ts';

interface Gathered {
  totalMs: number;
  attestationMs: number;
  trainingMs: number;
  sealingMs: number;
  openingMs: number;
  foldingMs: number;
  updateBytes: number;
  releaseBytes: number;
}

/** A line of the host's log, as far as the demo reads it. */
export interface HostLine {
  readonly event?: unknown;
  readonly time?: unknown;
  readonly round?: unknown;
  readonly bytes?: unknown;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Puts what hospitals and enclave report together, round by round. */
export class Timings {
  readonly #rounds = new Map<string, Gathered>();
  readonly #openedAtMs = new Map<Gathered, number>();

  #of(study: string, round: number): Gathered {
    const key = `${study}/${round}`;
    const known = this.#rounds.get(key);
    if (known !== undefined) return known;
    const fresh: Gathered = {
      totalMs: 0,
      attestationMs: 0,
      trainingMs: 0,
      sealingMs: 0,
      openingMs: 0,
      foldingMs: 0,
      updateBytes: 0,
      releaseBytes: 0,
    };
    this.#rounds.set(key, fresh);
    return fresh;
  }

  /** An event of one hospital in `study`. Hospitals work side by side, so the slowest one counts. */
  hospital(study: string, event: ParticipantEvent): void {
    if (event.kind === 'attested') {
      const round = this.#of(study, 1);
      round.attestationMs = Math.max(round.attestationMs, event.ms);
    }
    if (event.kind === 'trained') {
      const round = this.#of(study, event.round);
      round.trainingMs = Math.max(round.trainingMs, event.ms);
    }
    if (event.kind === 'sealed') {
      const round = this.#of(study, event.round);
      round.sealingMs = Math.max(round.sealingMs, event.ms);
      round.updateBytes += event.bytes;
    }
    if (event.kind === 'held') this.#of(study, event.round).releaseBytes = event.bytes;
  }

  /** A line of the host's log; those of the enclave carry the study and the round. */
  host(line: HostLine): void {
    const { study, round, openUs, foldUs } = line.fields ?? {};
    if (typeof study !== 'string' || typeof round !== 'number' || typeof line.time !== 'number') return;
    const gathered = this.#of(study, round);
    const openedAtMs = this.#openedAtMs.get(gathered);
    if (line.event === 'round-opened' && openedAtMs === undefined) this.#openedAtMs.set(gathered, line.time);
    if (line.event === 'round-closed') {
      gathered.openingMs = Number(openUs) / 1000;
      gathered.foldingMs = Number(foldUs) / 1000;
    }
    if (line.event === 'release-published' && openedAtMs !== undefined) {
      gathered.totalMs = line.time - openedAtMs;
    }
  }

  /** Rounds in which updates were counted, in order; release 0 is none. */
  reports(): readonly RoundReport[] {
    return [...this.#rounds]
      .filter(([, gathered]) => this.#openedAtMs.has(gathered))
      .map(([key, gathered]) => {
        const [study = '', round = '0'] = key.split('/');
        return { study, round: Number(round), ...gathered };
      });
  }
}
