/** Somewhere that text goes: a stream, or a list in a test. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** How a command's results are to be shown. */
export interface OutputMode {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** A result that can be shown to people and to scripts. `text` is called only when people read. */
export interface View {
  readonly json: unknown;
  readonly text: () => readonly string[];
}

/** Where a command shows what it found: results to stdout, remarks to stderr. */
export class Output {
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #mode: OutputMode;

  constructor(stdout: Sink, stderr: Sink, mode: OutputMode) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#mode = mode;
  }

  /** A result: one JSON value under `--json`, else lines. */
  show(view: View): void {
    if (this.#mode.json) this.#stdout.write(`${JSON.stringify(view.json, undefined, 2)}\n`);
    else for (const line of view.text()) this.#stdout.write(`${line}\n`);
  }

  /** A remark for whoever watches; silent under `--quiet`. */
  note(text: string): void {
    if (!this.#mode.quiet) this.#stderr.write(`${text}\n`);
  }

  /** A warning: shown whatever the mode. */
  warn(text: string): void {
    this.#stderr.write(`warning: ${text}\n`);
  }

  /** Rows under a heading: aligned on a terminal, tab-separated without heading elsewhere. */
  table(heading: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
    if (this.#stdout.isTTY !== true) return rows.map((row) => row.join('\t'));
    const widths = heading.map((title, column) =>
      Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
    );
    const align = (row: readonly string[]) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
    return [align(heading), align(widths.map((width) => '-'.repeat(width))), ...rows.map(align)];
  }
}

/** `name  value` lines, the values aligned. */
export function pairs(entries: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
