import type { TSchema } from '@sinclair/typebox';
import { Value, type ValueError, ValueErrorType } from '@sinclair/typebox/value';
import { foundWords, type ManifestPath } from './problem.ts';

/** What a schema has against a value, at a path. `about` says whether the key or the value of the path is meant. */
export interface SchemaProblem {
  readonly path: ManifestPath;
  readonly about: 'key' | 'value';
  readonly message: string;
}

/** The parts of a TypeBox schema that the words are made from. */
interface SchemaParts {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly TSchema[];
  readonly description?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, TSchema>>;
}

/** Everything that `schema` has against `value`, one problem a path, in the order of the schema. */
export function schemaProblems(schema: TSchema, value: unknown, at: ManifestPath = []): readonly SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  const reported = new Set<string>();
  for (const error of Value.Errors(schema, value)) {
    if (reported.has(error.path)) continue;
    reported.add(error.path);
    problems.push(...wordsOf(error, [...at, ...steps(error.path, value)]));
  }
  return problems;
}

function wordsOf(error: ValueError, path: ManifestPath): readonly SchemaProblem[] {
  const schema: SchemaParts = error.schema;
  switch (error.type) {
    case ValueErrorType.ObjectRequiredProperty:
      return [{ path, about: 'key', message: `is missing, expected ${expectedWords(error.schema)}` }];
    case ValueErrorType.ObjectAdditionalProperties:
      return [{ path, about: 'key', message: `unknown key, expected ${keyWords(schema)}` }];
    case ValueErrorType.Union:
      return unionProblems(schema.anyOf ?? [], error, path);
    default:
      return [valueProblem(error, path)];
  }
}

function valueProblem(error: ValueError, path: ManifestPath): SchemaProblem {
  const message = `found ${foundWords(error.value)}, expected ${expectedWords(error.schema)}`;
  return { path, about: 'value', message };
}

/** Descends into the one alternative that the author evidently meant; else names the alternatives. */
function unionProblems(variants: readonly TSchema[], error: ValueError, path: ManifestPath): readonly SchemaProblem[] {
  const { value } = error;
  if (!isRecord(value)) {
    const list = Array.isArray(value) ? variants.find((variant) => variant.type === 'array') : undefined;
    return list === undefined ? [valueProblem(error, path)] : schemaProblems(list, value, path);
  }
  const kinds = variants.map((variant) => kindOf(variant));
  if (kinds.some((kind) => kind !== undefined)) {
    const meant = variants[kinds.indexOf(value.kind)];
    if (meant !== undefined && value.kind !== undefined) return schemaProblems(meant, value, path);
    const message = `found ${foundWords(value.kind)}, expected ${either(kinds.map(String))}`;
    return [{ path: [...path, 'kind'], about: 'value', message }];
  }
  const meant = variants.find((variant) => Object.keys(variant.properties ?? {}).some((key) => key in value));
  return meant === undefined ? [valueProblem(error, path)] : schemaProblems(meant, value, path);
}

function kindOf(variant: TSchema): unknown {
  const kind: SchemaParts | undefined = variant.properties?.kind;
  return kind?.const;
}

/** What a schema accepts, in words: what stands after "expected". */
function expectedWords(schema: TSchema): string {
  const parts: SchemaParts = schema;
  if (parts.anyOf !== undefined) return parts.description ?? either(parts.anyOf.map(expectedWords));
  if (parts.const !== undefined) return String(parts.const);
  switch (parts.type) {
    case 'string':
      return stringWords(parts);
    case 'integer':
      return `an integer ${rangeWords(parts)}`.trim();
    case 'number':
      return `a number ${rangeWords(parts)}`.trim();
    case 'array':
      return `a list ${countWords(parts.minItems, parts.maxItems, 'entries')}`.trim();
    case 'object':
      return `a map with ${keyWords(parts)}`;
    default:
      return parts.description ?? `a ${parts.type ?? 'value of another kind'}`;
  }
}

function stringWords(parts: SchemaParts): string {
  if (parts.pattern !== undefined) {
    return parts.description === undefined
      ? `text that matches ${parts.pattern}`
      : `${parts.description} (${parts.pattern})`;
  }
  return `text ${countWords(parts.minLength, parts.maxLength, 'characters')}`.trim();
}

function rangeWords({ minimum, maximum, exclusiveMinimum }: SchemaParts): string {
  if (exclusiveMinimum !== undefined)
    return `above ${exclusiveMinimum}${maximum === undefined ? '' : ` and at most ${maximum}`}`;
  if (minimum !== undefined && maximum !== undefined) return `from ${minimum} to ${maximum}`;
  return '';
}

function countWords(least: number | undefined, most: number | undefined, unit: string): string {
  if (most === undefined) return least === undefined ? '' : `of at least ${least} ${unit}`;
  return least === undefined ? `of at most ${most} ${unit}` : `of ${least} to ${most} ${unit}`;
}

function keyWords({ properties, description }: SchemaParts): string {
  return properties === undefined ? (description ?? 'keys') : either(Object.keys(properties));
}

function either(words: readonly string[]): string {
  return words.length <= 1 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Steps of a JSON pointer; a number where the pointer walks into a list of `value`. */
function steps(pointer: string, value: unknown): ManifestPath {
  const path: (string | number)[] = [];
  let here: unknown = value;
  for (const raw of pointer.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    const step = Array.isArray(here) ? Number(key) : key;
    path.push(step);
    if (Array.isArray(here)) here = here[Number(key)];
    else here = isRecord(here) ? here[key] : undefined;
  }
  return path;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
