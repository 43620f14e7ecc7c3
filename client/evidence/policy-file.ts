import { Value } from '@sinclair/typebox/value';
import { type Document, isMap, LineCounter, parseDocument } from 'yaml';
import { type AppraisalPolicy, AppraisalPolicySchema, policyProblems } from '#shared/attestation/policy.ts';
import { textOf } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { type ManifestPath, pathWords } from '#shared/study/problem.ts';
import { schemaProblems } from '#shared/study/schema-words.ts';

/** So many problems are named at once. */
const SHOWN_PROBLEMS = 20;

/** What is wrong at a path of a policy; an empty path is the whole of it. */
interface PolicyProblem {
  readonly path: ManifestPath;
  readonly message: string;
}

/**
 * Reads a policy file, YAML or JSON: a policy by itself, or in the field `policy` of what `cloister enclave` and
 * `cloister evidence make --json` print, also as one line of a log. `name` of the file stands in messages.
 * @throws Fault `POLICY_INVALID` that names every field that is wrong, what was found and what was expected
 */
export function loadPolicy(bytes: Uint8Array, name: string): AppraisalPolicy {
  const text = textOf(bytes);
  if (text === undefined) throw unreadable(name, 'found bytes that are not UTF-8, expected UTF-8 text');
  const value = valueOf(text, name);
  return policyFrom(isPrinted(value) ? value.policy : value, name);
}

/**
 * The policy that a decoded value is. `name` says where it stands.
 * @throws Fault `POLICY_INVALID` that names every field that is wrong, what was found and what was expected
 */
export function policyFrom(value: unknown, name: string): AppraisalPolicy {
  if (!Value.Check(AppraisalPolicySchema, value)) throw invalid(name, schemaProblems(AppraisalPolicySchema, value));
  const problems = policyProblems(value);
  if (problems.length > 0) throw invalid(name, problems);
  return value;
}

function valueOf(text: string, name: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'core',
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const [error] = document.errors;
  if (error === undefined && isMap(document.contents)) return plainValue(document, name);
  const logged = text.split('\n').map(jsonOf).find(isPrinted);
  if (logged !== undefined) return logged;
  if (error === undefined) return plainValue(document, name);
  throw unreadable(name, `not valid YAML or JSON (line ${lines.linePos(error.pos[0]).line}): ${error.message}`);
}

function plainValue(document: Document.Parsed, name: string): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 0 });
    return value;
  } catch (cause) {
    throw unreadable(name, 'aliases are not allowed; write the value out', cause);
  }
}

/** The value of a line of a log; `undefined` for one that is no JSON. */
function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // JSON.parse throws for what is no JSON and for nothing else.
    return undefined;
  }
}

/** What a program printed with a policy in it, rather than a policy. */
function isPrinted(value: unknown): value is { readonly policy: unknown } {
  return typeof value === 'object' && value !== null && 'policy' in value && !('enclaves' in value);
}

function unreadable(name: string, why: string, cause?: unknown): Fault {
  return new Fault('POLICY_INVALID', `${name}: ${why}`, { cause });
}

function invalid(name: string, problems: readonly PolicyProblem[]): Fault {
  const shown = problems.slice(0, SHOWN_PROBLEMS).map(({ path, message }) => {
    return `\n  ${path.length === 0 ? 'policy' : pathWords(path)}: ${message}`;
  });
  const more = problems.length > shown.length ? `\n  and ${problems.length - shown.length} more` : '';
  return new Fault('POLICY_INVALID', `${name} is no policy that can be used:${shown.join('')}${more}`);
}
