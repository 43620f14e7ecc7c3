/** Steps from the top of a manifest to a value: keys of maps and indexes of lists. */
export type ManifestPath = readonly (string | number)[];

/** Where something stands in the text, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with a manifest, or worth a warning: where, what was found, what was expected. */
export interface ManifestProblem extends Position {
  /** Path in words, such as `participants[2].identityKey`; empty when the whole text is meant. */
  readonly path: string;
  readonly message: string;
}

/** `rounds.quorum`, `participants[2].id`. */
export function pathWords(path: ManifestPath): string {
  let words = '';
  for (const step of path) {
    if (typeof step === 'number') words += `[${step}]`;
    else words += words === '' ? step : `.${step}`;
  }
  return words;
}

/** `rounds.quorum (line 14): found 9, expected …` */
export function problemWords({ path, line, message }: ManifestProblem): string {
  return `${path === '' ? 'manifest' : path} (line ${line}): ${message}`;
}

/** A value in few words: what stands after "found". */
export function foundWords(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return String(value);
  return value.length > 40 ? `text of ${value.length} characters` : JSON.stringify(value);
}
