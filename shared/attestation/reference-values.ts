import type { AttributeRule, PolicyVocabulary } from './platform.ts';
import type { Platform } from './platforms.ts';
import { PLATFORM_VERIFIERS } from './platforms.ts';

/** Reference values as a policy states them for one attester. */
export interface ReferenceValues {
  readonly platform: Platform;
  readonly measurements: Readonly<Record<string, string>>;
  readonly attributes?: Readonly<Record<string, boolean | number | string>>;
  readonly minimums?: Readonly<Record<string, number>>;
  readonly validFrom?: string;
  readonly validUntil?: string;
}

/** The names that reference values of `platform` may use. */
export function vocabularyOf(platform: Platform): PolicyVocabulary {
  return PLATFORM_VERIFIERS[platform].vocabulary;
}

/** The rule of an attribute, or `undefined` where the platform does not list it. */
export function attributeRule(platform: Platform, name: string): AttributeRule | undefined {
  const { attributes } = vocabularyOf(platform);
  return Object.hasOwn(attributes, name) ? attributes[name] : undefined;
}

/** What is wrong with a field of reference values: where, from their own object on, and in words. */
export interface ReferenceProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** What is wrong with reference values; empty when nothing is. */
export function referenceProblems(stated: ReferenceValues): readonly ReferenceProblem[] {
  return [
    ...measurementProblems(stated),
    ...attributeProblems(stated),
    ...levelProblems(stated),
    ...identityProblems(stated),
    ...validityProblems(stated),
  ];
}

function measurementProblems({ platform, measurements }: ReferenceValues): readonly ReferenceProblem[] {
  const known = vocabularyOf(platform).measurements;
  return Object.entries(measurements).flatMap(([name, value]) => {
    const path = ['measurements', name];
    const bytes = Object.hasOwn(known, name) ? known[name] : undefined;
    if (bytes === undefined) return [{ path, message: unknownName(platform, Object.keys(known)) }];
    if (value.length === 2 * bytes) return [];
    return [{ path, message: `found ${value.length} characters, expected ${2 * bytes} of lower-case hex` }];
  });
}

function attributeProblems({ platform, attributes = {} }: ReferenceValues): readonly ReferenceProblem[] {
  const { openAttributes, attributes: known } = vocabularyOf(platform);
  return Object.entries(attributes).flatMap(([name, value]) => {
    const path = ['attributes', name];
    const rule = attributeRule(platform, name);
    if (rule === undefined) return openAttributes ? [] : [{ path, message: unknownName(platform, Object.keys(known)) }];
    const type = rule.type === 'text' ? 'string' : rule.type;
    return typeof value === type ? [] : [{ path, message: `found a ${typeof value}, expected a ${type}` }];
  });
}

function levelProblems({ platform, minimums = {} }: ReferenceValues): readonly ReferenceProblem[] {
  const { levels } = vocabularyOf(platform);
  return Object.keys(minimums)
    .filter((name) => !levels.includes(name))
    .map((name) => ({ path: ['minimums', name], message: unknownName(platform, levels) }));
}

function identityProblems(stated: ReferenceValues): readonly ReferenceProblem[] {
  const { platform, measurements, attributes = {}, minimums = {} } = stated;
  const { identifiedBy } = vocabularyOf(platform);
  const names = new Set([...Object.keys(measurements), ...Object.keys(attributes), ...Object.keys(minimums)]);
  if (identifiedBy.some((alternative) => alternative.every((name) => names.has(name)))) return [];
  const wanted = identifiedBy.map((alternative) => alternative.join(' and ')).join(', or ');
  return [{ path: ['measurements'], message: `reference values of ${platform} must state ${wanted}` }];
}

function validityProblems({ validFrom, validUntil }: ReferenceValues): readonly ReferenceProblem[] {
  const times = Object.entries({ validFrom, validUntil });
  const bad = times.filter(([, text]) => text !== undefined && !Number.isFinite(Date.parse(text)));
  if (bad.length > 0) return bad.map(([name, text]) => ({ path: [name], message: `${text} is no time` }));
  if (validFrom === undefined || validUntil === undefined || validFrom < validUntil) return [];
  return [{ path: ['validUntil'], message: `found ${validUntil}, expected a time after validFrom ${validFrom}` }];
}

function unknownName(platform: Platform, known: readonly string[]): string {
  return `${platform} has no such name; it has ${some(known)}`;
}

/** Enough names to see what is meant. */
function some(names: readonly string[]): string {
  const SHOWN = 12;
  return names.length <= SHOWN
    ? names.join(', ')
    : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`;
}
