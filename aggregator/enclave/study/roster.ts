import type { ToParticipant } from '#shared/protocol/messages.ts';
import type { StudyParticipant } from '#shared/study/study.ts';
import type { Session } from '../session/session.ts';

/** Who is connected: at most one session a participant, the newest. */
export class Roster {
  readonly #sessions = new Map<string, Session>();

  /** Seats a session; an older one of the same participant is told and closed. */
  enter(participant: StudyParticipant, session: Session): void {
    const older = this.#sessions.get(participant.id);
    this.#sessions.set(participant.id, session);
    older?.close('SESSION_SUPERSEDED');
  }

  /** Forgets a session; one that was superseded is forgotten already. */
  leave(participant: StudyParticipant, session: Session): void {
    if (this.#sessions.get(participant.id) === session) this.#sessions.delete(participant.id);
  }

  /** Ids of those connected, in the order in which they came. */
  connected(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  get size(): number {
    return this.#sessions.size;
  }

  send(participant: string, message: ToParticipant): void {
    this.#sessions.get(participant)?.send(message);
  }

  broadcast(message: ToParticipant): void {
    for (const session of this.#sessions.values()) session.send(message);
  }

  closeAll(code: 'SERVER_STOPPING'): void {
    for (const session of this.#sessions.values()) session.close(code);
  }
}
