import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { accepted, refused, type Verdict } from '#shared/fault/verdict.ts';
import { openCommand, type StudyCommand } from '#shared/study/command.ts';
import type { Study } from '#shared/study/study.ts';

/** Nonces remembered a study: far more than a coordinator can issue within the hour that a command lives. */
const NONCES_MAX = 10_000;

/** Where commands are judged: who signed, for which enclave, still valid, never seen. */
export class CommandDesk {
  readonly #study: Study;
  readonly #instance: Uint8Array;
  readonly #crypto: CryptoPort;
  readonly #seen = new Map<string, number>();
  #latestMs = 0;

  constructor(study: Study, instance: Uint8Array, crypto: CryptoPort) {
    this.#study = study;
    this.#instance = instance;
    this.#crypto = crypto;
  }

  /**
   * Judges a command's DSSE envelope at `hostWallMs`. An accepted one is remembered until it expires, so that it is obeyed
   * once; another start of the enclave has another instance, so that it cannot be replayed there.
   */
  judge(envelope: Uint8Array, hostWallMs: number): Verdict<StudyCommand> {
    // The host sets the wall clock. Set back, it must not bring a command to life again that has expired here.
    this.#latestMs = Math.max(this.#latestMs, hostWallMs);
    const wallMs = this.#latestMs;
    const verdict = openCommand(envelope, this.#study, wallMs, this.#crypto);
    if (verdict.kind === 'refused') return verdict;
    const command = verdict.value;
    if (!equalBytes(command.instance, this.#instance)) {
      return refused('COMMAND_FOREIGN', 'the command is for another start of the enclave; issue it anew');
    }
    const nonce = toHex(command.nonce);
    if (this.#seen.has(nonce)) return refused('COMMAND_REPLAYED', 'the command was given before');
    this.#forget(wallMs);
    if (this.#seen.size >= NONCES_MAX) return refused('SERVER_BUSY', 'too many commands within the hour');
    this.#seen.set(nonce, command.expiresAtMs);
    return accepted(command);
  }

  #forget(wallMs: number): void {
    for (const [nonce, expiresAtMs] of this.#seen) if (expiresAtMs < wallMs) this.#seen.delete(nonce);
  }
}
