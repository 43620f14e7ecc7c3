import { expect } from 'chai';
import { runCli } from '#client/cli/main.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { FAULT_CODES, type FaultCode } from '#shared/fault/codes.ts';

/** Which codes of the table some test has provoked. */
export class Ledger {
  readonly #seen = new Set<FaultCode>();

  /** Asserts a code and notes that it was provoked; `context` is shown where it was another. */
  provoked(found: string | undefined, code: FaultCode, context = ''): void {
    expect(found, context).to.equal(code);
    this.#seen.add(code);
  }

  /** Codes of the table that no test has provoked. */
  unseen(): readonly string[] {
    const seen: ReadonlySet<string> = this.#seen;
    return Object.keys(FAULT_CODES).filter((code) => !seen.has(code));
  }
}

/** The code in what a program wrote to stderr; the command line puts `error` before it, the host does not. */
export function codeIn(stderr: string): string | undefined {
  return /^(?:error )?([A-Z]+(?:_[A-Z]+)+): /m.exec(stderr)?.[1];
}

/** How a command line that ran in this process ended. */
export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run in this process differs in. */
export interface ToldOptions {
  readonly nowMs?: number;
  /** Called with each piece of stdout; `interrupt` is Ctrl-C. */
  readonly onOutput?: (text: string, interrupt: () => void) => void;
}

/** Runs a command line in this process, where starting one for each attack would take too long. */
export async function tell(args: readonly string[], { nowMs, onOutput }: ToldOptions = {}): Promise<Told> {
  const interrupt = new AbortController();
  let stdout = '';
  let stderr = '';
  const code = await runCli(args, {
    stdout: {
      write: (text) => {
        stdout += text;
        onOutput?.(text, () => interrupt.abort());
      },
    },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
    environment: {},
    crypto: nodeCrypto,
    nowMs: () => nowMs ?? Date.now(),
    signal: interrupt.signal,
  });
  return { code, stdout, stderr };
}
