import { Value } from '@sinclair/typebox/value';
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { textOf } from '#shared/bytes/bytes.ts';
import { MANIFEST_LIMITS, type Manifest, ManifestSchema } from './manifest.ts';
import { type ManifestPath, type ManifestProblem, type Position, pathWords } from './problem.ts';
import { schemaProblems } from './schema-words.ts';

const DEPTH_MAX = 64;
const PROBLEMS_MAX = 50;

/** Brackets open at once, counted before YAML is parsed: the parser's time grows with the square of their depth. */
const OPEN_BRACKETS_MAX = 1000;

/** A manifest of the right form, with the place of each of its values; or all that is wrong with its form. */
export type ManifestReading =
  | { readonly kind: 'manifest'; readonly manifest: Manifest; readonly locate: (path: ManifestPath) => Position }
  | { readonly kind: 'problems'; readonly problems: readonly ManifestProblem[] };

/**
 * Reads a manifest: one YAML 1.2 document of at most 1 MiB of UTF-8, core schema, whose meaning is plain to every
 * reader: no anchors, aliases, tags, merge keys, directives or doubled keys.
 */
export function readManifest(bytes: Uint8Array): ManifestReading {
  if (bytes.length > MANIFEST_LIMITS.bytesMax) {
    return whole(`found ${bytes.length} bytes, expected at most ${MANIFEST_LIMITS.bytesMax}`);
  }
  const text = textOf(bytes);
  if (text === undefined) return whole('found bytes that are not UTF-8, expected UTF-8 text');
  if (openBrackets(text) > OPEN_BRACKETS_MAX) {
    return whole(`found more than ${OPEN_BRACKETS_MAX} open brackets, expected at most ${DEPTH_MAX} levels of nesting`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const formProblems = [...yamlProblems(document, lines), ...foreignConstructs(document, lines)];
  if (formProblems.length > 0) return { kind: 'problems', problems: formProblems.slice(0, PROBLEMS_MAX) };
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  if (Value.Check(ManifestSchema, value)) {
    return { kind: 'manifest', manifest: value, locate: (path) => locate(document, lines, path) };
  }
  const problems = schemaProblems(ManifestSchema, value).map(({ path, about, message }) => ({
    ...locate(document, lines, path, about),
    path: pathWords(path),
    message,
  }));
  return { kind: 'problems', problems: problems.slice(0, PROBLEMS_MAX) };
}

function whole(message: string): ManifestReading {
  return { kind: 'problems', problems: [{ line: 1, column: 1, path: '', message }] };
}

/** The most brackets and braces that are open at once. Those in quotes and comments count too: the bound has room. */
function openBrackets(text: string): number {
  let open = 0;
  let most = 0;
  for (const character of text) {
    if (character === '[' || character === '{') open += 1;
    else if ((character === ']' || character === '}') && open > 0) open -= 1;
    most = Math.max(most, open);
  }
  return most;
}

function yamlProblems(document: Document.Parsed, lines: LineCounter): readonly ManifestProblem[] {
  return [...document.errors, ...document.warnings].map((error) => ({
    ...position(lines, error.pos[0]),
    path: '',
    message: `not valid YAML: ${error.message}`,
  }));
}

/** What YAML allows and a manifest does not. Stops at the first value that is nested too deep. */
function foreignConstructs(document: Document.Parsed, lines: LineCounter): readonly ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const add = (node: Node | undefined | null, message: string) =>
    problems.push({ ...position(lines, node?.range?.[0] ?? 0), path: '', message });
  if (document.directives.yaml.explicit === true) add(undefined, 'found a %YAML directive, expected none');
  visit(document, (_key, node, ancestors) => {
    if (isPair(node)) {
      const name = isScalar(node.key) ? node.key.value : undefined;
      if (name === '<<' || name === '__proto__')
        add(isNode(node.key) ? node.key : undefined, `the key ${name} is not allowed`);
      return undefined;
    }
    if (!isNode(node)) return undefined;
    if (node.tag !== undefined) add(node, 'tags are not allowed; write the value plainly');
    if (isAlias(node)) add(node, 'aliases are not allowed; write the value out');
    else if (node.anchor !== undefined) add(node, 'anchors are not allowed; write the value where it is used');
    if (ancestors.length <= DEPTH_MAX) return undefined;
    add(node, `found more than ${DEPTH_MAX} levels of nesting`);
    return visit.BREAK;
  });
  return problems;
}

/** Where the value at `path` stands; for a missing one, the map that lacks it. */
function locate(document: Document.Parsed, lines: LineCounter, path: ManifestPath, about?: 'key' | 'value'): Position {
  let here: unknown = document.contents;
  let offset = startOf(here) ?? 0;
  for (const [index, step] of path.entries()) {
    const last = index === path.length - 1;
    if (isSeq(here) && typeof step === 'number') {
      here = here.items[step];
      offset = startOf(here) ?? offset;
      continue;
    }
    const pair = isMap(here) ? here.items.find((item) => isScalar(item.key) && item.key.value === step) : undefined;
    if (pair === undefined) break;
    here = pair.value;
    const onValue = last && about !== 'key' && isScalar(pair.value);
    offset = startOf(onValue ? pair.value : pair.key) ?? offset;
  }
  return position(lines, offset);
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function position(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
