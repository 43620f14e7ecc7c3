import type { FromHost } from '#boundary/from-host.ts';
import type { ToHost } from '#boundary/to-host.ts';
import { equalBytes } from '#shared/bytes/bytes.ts';
import { HOST_LIMITS } from './limits.ts';

/** How a command ended, as its job reports it. */
export type CommandEnd =
  | { readonly kind: 'done'; readonly phase: 'finished' | 'stopped' | 'paused' | null }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string };

/** A command to hand over. */
export interface CommandRequest {
  readonly id: string;
  readonly envelope: Uint8Array;
  /** Whether an accepted command goes on until the enclave says that its run is over, as `start` does. */
  readonly runs: boolean;
  readonly progress: (round: number, rounds: number) => void;
}

interface Pending {
  readonly request: CommandRequest;
  readonly end: (end: CommandEnd) => void;
  running: boolean;
  timer: NodeJS.Timeout | undefined;
}

type CommandMessage = Extract<ToHost, { readonly name: 'command-result' | 'command-progress' | 'command-done' }>;

/**
 * Hands commands to the enclave and waits for what comes of them. A command that was not answered before the
 * connection was lost is handed over again; one whose run had begun goes on waiting if it is the same enclave.
 */
export class CommandDesk {
  readonly #send: (message: FromHost) => Promise<boolean>;
  readonly #answerMs: number;
  readonly #pending = new Map<string, Pending>();
  #instance: Uint8Array | undefined;
  #connected = false;

  constructor(send: (message: FromHost) => Promise<boolean>, answerMs: number = HOST_LIMITS.commandAnswerMs) {
    this.#send = send;
    this.#answerMs = answerMs;
  }

  /** Resolves when the enclave has refused the command, or accepted it and its run is over. */
  run(request: CommandRequest): Promise<CommandEnd> {
    return new Promise((end) => {
      const old = this.#pending.get(request.id);
      clearTimeout(old?.timer);
      const pending: Pending = { request, end, running: old?.running ?? false, timer: undefined };
      this.#pending.set(request.id, pending);
      if (this.#connected && !pending.running) this.#handOver(pending);
    });
  }

  /** A connection stands and the enclave has said which instance it is. */
  connected(instance: Uint8Array): void {
    const restarted = this.#instance !== undefined && !equalBytes(instance, this.#instance);
    this.#instance = instance;
    this.#connected = true;
    for (const pending of this.#pending.values()) {
      if (!pending.running) this.#handOver(pending);
      else if (restarted) this.#finish(pending, foreign());
    }
  }

  disconnected(): void {
    this.#connected = false;
    for (const pending of this.#pending.values()) clearTimeout(pending.timer);
  }

  /** Takes what the enclave says of a command; ids that nobody waits for are of no interest. */
  receive(message: CommandMessage): void {
    const pending = this.#pending.get(message.body.id);
    if (pending === undefined) return;
    switch (message.name) {
      case 'command-result':
        this.#answered(pending, message.body);
        return;
      case 'command-progress':
        pending.request.progress(message.body.round, message.body.rounds);
        return;
      case 'command-done':
        this.#finish(pending, { kind: 'done', phase: message.body.phase });
    }
  }

  /** Stops all waiting without an end: the jobs stay active in the queue and are taken up again by the next host. */
  close(): void {
    for (const pending of this.#pending.values()) clearTimeout(pending.timer);
    this.#pending.clear();
  }

  #handOver(pending: Pending): void {
    const { id, envelope } = pending.request;
    clearTimeout(pending.timer);
    pending.timer = setTimeout(() => this.#finish(pending, unanswered(this.#answerMs)), this.#answerMs);
    // A false answer means that the connection went away; `connected` hands the command over again.
    void this.#send({ name: 'command', body: { id, envelope } });
  }

  #answered(pending: Pending, body: Extract<CommandMessage, { name: 'command-result' }>['body']): void {
    clearTimeout(pending.timer);
    if (!body.accepted) {
      this.#finish(pending, { kind: 'refused', code: body.code ?? 'COMMAND_MALFORMED', detail: body.detail });
    } else if (pending.request.runs) {
      pending.running = true;
    } else {
      this.#finish(pending, { kind: 'done', phase: null });
    }
  }

  #finish(pending: Pending, end: CommandEnd): void {
    clearTimeout(pending.timer);
    if (this.#pending.get(pending.request.id) === pending) this.#pending.delete(pending.request.id);
    pending.end(end);
  }
}

function foreign(): CommandEnd {
  return {
    kind: 'refused',
    code: 'COMMAND_FOREIGN',
    detail: 'the enclave was started again while the run went on; sign a new command for the new instance',
  };
}

function unanswered(answerMs: number): CommandEnd {
  return {
    kind: 'refused',
    code: 'SERVER_BUSY',
    detail: `the enclave did not answer within ${answerMs} ms; try again`,
  };
}
