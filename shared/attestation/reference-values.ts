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

/** What is wrong with reference values, in words; empty when nothing is. */
export function referenceProblems(stated: ReferenceValues): readonly string[] {
  return [
    ...measurementProblems(stated),
    ...attributeProblems(stated),
    ...levelProblems(stated),
    ...identityProblems(stated),
    ...validityProblems(stated),
  ];
}

function measurementProblems({ platform, measurements }: ReferenceValues): readonly string[] {
  const known = vocabularyOf(platform).measurements;
  return Object.entries(measurements).flatMap(([name, value]) => {
    const bytes = Object.hasOwn(known, name) ? known[name] : undefined;
    if (bytes === undefined) return [`measurements: ${platform} has no ${name}; it has ${some(Object.keys(known))}`];
    if (value.length === 2 * bytes) return [];
    return [`measurements: ${name} of ${value.length} characters, expected ${2 * bytes} of lower-case hex`];
  });
}

function attributeProblems({ platform, attributes = {} }: ReferenceValues): readonly string[] {
  const { openAttributes, attributes: known } = vocabularyOf(platform);
  return Object.entries(attributes).flatMap(([name, value]) => {
    const rule = attributeRule(platform, name);
    if (rule === undefined) {
      return openAttributes ? [] : [`attributes: ${platform} has no ${name}; it has ${some(Object.keys(known))}`];
    }
    const type = rule.type === 'text' ? 'string' : rule.type;
    return typeof value === type ? [] : [`attributes: ${name} is a ${typeof value}, expected a ${type}`];
  });
}

function levelProblems({ platform, minimums = {} }: ReferenceValues): readonly string[] {
  const { levels } = vocabularyOf(platform);
  return Object.keys(minimums)
    .filter((name) => !levels.includes(name))
    .map((name) => `minimums: ${platform} has no ${name}; it has ${some(levels)}`);
}

function identityProblems({
  platform,
  measurements,
  attributes = {},
  minimums = {},
}: ReferenceValues): readonly string[] {
  const { identifiedBy } = vocabularyOf(platform);
  const stated = new Set([...Object.keys(measurements), ...Object.keys(attributes), ...Object.keys(minimums)]);
  if (identifiedBy.some((names) => names.every((name) => stated.has(name)))) return [];
  const wanted = identifiedBy.map((names) => names.join(' and ')).join(', or ');
  return [`reference values of ${platform} must state ${wanted}`];
}

function validityProblems({ validFrom, validUntil }: ReferenceValues): readonly string[] {
  const times = [validFrom, validUntil].filter((text) => text !== undefined);
  const bad = times.filter((text) => !Number.isFinite(Date.parse(text)));
  if (bad.length > 0) return bad.map((text) => `${text} is no time`);
  if (validFrom === undefined || validUntil === undefined || validFrom < validUntil) return [];
  return [`validFrom ${validFrom} is not before validUntil ${validUntil}`];
}

/** Enough names to see what is meant. */
function some(names: readonly string[]): string {
  const SHOWN = 12;
  return names.length <= SHOWN
    ? names.join(', ')
    : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`;
}
