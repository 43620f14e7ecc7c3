import { runCli } from '#client/cli/main.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

/** How a command line ended. */
export interface InProcessRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a command line finds around it; each that is left out is empty, and nothing is a terminal. */
export interface Around {
  readonly nowMs: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether stderr is a terminal. */
  readonly terminal?: boolean;
}

/** Runs a command line in this process, at a fixed instant. */
export async function runInProcess(
  args: readonly string[],
  { nowMs, environment = {}, terminal }: Around,
): Promise<InProcessRun> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    stdout: {
      write: (text) => {
        out += text;
      },
    },
    stderr: {
      isTTY: terminal,
      write: (text) => {
        err += text;
      },
    },
    environment,
    crypto: nodeCrypto,
    nowMs: () => nowMs,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}
