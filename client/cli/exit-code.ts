import type { FaultCode } from '#shared/fault/codes.ts';

/** What the process answers with. Documented in `--help` and docs/cli.md; never renumbered. */
export const EXIT = { ok: 0, failed: 1, usage: 2, refused: 3, unavailable: 4, interrupted: 130 } as const;

/** The same in words, for `--help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    done
  1    failed: something has to be mended, the message says what
  2    usage: a wrong command, option, environment variable or configuration file
  3    refused: a signature, evidence, release or command did not hold, or the enclave said no
  4    unavailable for now: host, queue or platform cannot be reached; try again later
  130  interrupted (Ctrl-C)`;

/** Codes whose exit is not {@link EXIT}.failed. */
const EXIT_OF: Partial<Record<FaultCode, number>> = {
  CONFIG_INVALID: EXIT.usage,
  POLICY_INVALID: EXIT.usage,
  MANIFEST_SIGNATURE_INVALID: EXIT.refused,
  EVIDENCE_REFUSED: EXIT.refused,
  EVIDENCE_UNBOUND: EXIT.refused,
  ENCLAVE_SIGNATURE_INVALID: EXIT.refused,
  ENCLAVE_STATEMENT_WRONG: EXIT.refused,
  RELEASE_INVALID: EXIT.refused,
  RELEASE_UNCHAINED: EXIT.refused,
  PEER_REFUSED: EXIT.refused,
  CONNECTION_LOST: EXIT.unavailable,
  SESSION_TAMPERED: EXIT.unavailable,
  QUEUE_UNAVAILABLE: EXIT.unavailable,
  ATTESTER_FAILED: EXIT.unavailable,
};

/** The exit code for a fault. */
export function exitCodeOf(code: FaultCode): number {
  return EXIT_OF[code] ?? EXIT.failed;
}
