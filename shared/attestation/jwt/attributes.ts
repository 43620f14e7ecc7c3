import type { JsonObject } from '../json.ts';
import { isJsonObject } from '../json.ts';
import { malformed } from '../malformed.ts';
import type { PolicyVocabulary } from '../platform.ts';

/** An attribute's value. */
export type AttributeValue = boolean | number | string;

/** What a policy can write: see `ClaimName` and the attribute values of the policy's schema. */
const PATH_MAX = 128;
const TEXT_MAX = 512;
const PATH = /^[A-Za-z0-9_.:/-]+$/;
const TEXT = /^[\x20-\x7e]*$/;

/** No issuer's token comes near. It bounds what a token of nothing but claims costs. */
const CLAIMS_MAX = 1000;

/**
 * The attributes of a token: those that its platform names, as far as they are stated, and every other claim by its
 * path. A name of the vocabulary never means a claim that happens to have that path. Throws `MalformedInput` for more
 * claims than any token has.
 */
export function attributesOf(
  payload: JsonObject,
  { attributes }: Pick<PolicyVocabulary, 'attributes'>,
  named: Readonly<Record<string, AttributeValue | undefined>>,
): Readonly<Record<string, AttributeValue>> {
  const open = claimsByPath(payload).filter(([path]) => !Object.hasOwn(attributes, path));
  const listed = Object.entries(named).flatMap(([name, value]) =>
    value === undefined || !isShowable(value) ? [] : [[name, value] as const],
  );
  return Object.fromEntries([...open, ...listed]);
}

/**
 * Every claim by its path: keys joined by dots, places in arrays as numbers from 0 (`submods.gce.zone`, `swversion.0`).
 * A path that two claims have, for keys may hold dots, names neither. What no policy can demand is left out: null, long
 * paths and texts, and characters that could play tricks on a reader's screen.
 */
function claimsByPath(payload: JsonObject): readonly (readonly [string, AttributeValue])[] {
  const claims: FoundClaims = { found: new Map(), ambiguous: new Set() };
  collect(payload, '', claims);
  return [...claims.found].filter(([path]) => !claims.ambiguous.has(path));
}

interface FoundClaims {
  readonly found: Map<string, AttributeValue>;
  readonly ambiguous: Set<string>;
}

function collect(value: unknown, path: string, claims: FoundClaims): void {
  // Asked on the way down, so that the names of what lies deeper are not even built.
  if (path.length > PATH_MAX) return;
  if (Array.isArray(value)) {
    const entries: readonly unknown[] = value;
    entries.forEach((entry, index) => collect(entry, `${path}.${index}`, claims));
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) collect(value[key], path === '' ? key : `${path}.${key}`, claims);
  } else if (isShowable(value) && PATH.test(path)) {
    const { found, ambiguous } = claims;
    if (found.has(path)) ambiguous.add(path);
    found.set(path, value);
    if (found.size > CLAIMS_MAX) malformed(`token of more than ${CLAIMS_MAX} claims`);
  }
}

function isShowable(value: unknown): value is AttributeValue {
  if (typeof value === 'string') return value.length <= TEXT_MAX && TEXT.test(value);
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

/** The start of a peer's text for a reader's eyes: printable ASCII, anything else as `?`. */
export function shownText(text: string): string {
  const SHOWN = 96;
  return text.slice(0, SHOWN).replace(/[^\x20-\x7e]/g, '?');
}
