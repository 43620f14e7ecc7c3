import type { Claims } from '#shared/attestation/claims.ts';
import { type AcceptedEnclave, type AppraisalPolicy, parsePolicy } from '#shared/attestation/policy.ts';
import { vocabularyOf } from '#shared/attestation/reference-values.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { ShownClaims } from './shown-claims.ts';

/** What a drafted policy shall say besides what the evidence shows. */
export interface Draft {
  /** Who is accepted, for people. */
  readonly name: string;
  /** Measurements to state; the platform's usual ones where none is named. */
  readonly measurements: readonly string[];
  /** Whether a root or key that no vendor vouches for stands for no hardware. */
  readonly emulated: boolean;
}

/**
 * A policy that accepts what made this evidence, for people to read and to agree to: the measurements of the draft, the
 * names that its platform demands, attributes that are not at their strict default, and the root or key where it is no
 * vendor's.
 * @throws Fault - CONFIG_INVALID for a measurement that the evidence does not show, or evidence that shows too little
 */
export function draftPolicy(claims: Claims, unvouched: ShownClaims['unvouched'], draft: Draft): AppraisalPolicy {
  const { platform } = claims;
  const { name, emulated } = draft;
  const chosen = measurementNames(claims, draft);
  const demanded = demandedNames(claims, chosen);
  const measurements = pick(claims.measurements, [...chosen, ...demanded]);
  const attributes = { ...unusualAttributes(claims), ...pick(claims.attributes, demanded) };
  const minimums = pick(claims.levels, demanded);
  const enclave: AcceptedEnclave = {
    name,
    platform,
    measurements,
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    ...(Object.keys(minimums).length === 0 ? {} : { minimums }),
  };
  const root = unvouched && {
    kind: unvouched.kind,
    name,
    platform: unvouched.platform,
    sha256: unvouched.sha256,
    emulated,
  };
  return parsePolicy({ enclaves: [enclave], ...(root === undefined ? {} : { roots: [root] }) });
}

function measurementNames(claims: Claims, { measurements }: Draft): readonly string[] {
  const absent = measurements.filter((name) => !Object.hasOwn(claims.measurements, name));
  if (absent.length > 0) {
    const known = Object.keys(claims.measurements).join(', ') || 'none';
    throw new Fault('CONFIG_INVALID', `--measurement: found ${absent.join(', ')}, expected some of ${known}`);
  }
  if (measurements.length > 0) return measurements;
  return (vocabularyOf(claims.platform).usual ?? []).filter((name) => isMeasured(claims.measurements[name]));
}

/** The alternative that is stated already, else the first that the evidence states whole, with something measured. */
function demandedNames(claims: Claims, chosen: readonly string[]): readonly string[] {
  const stated = [claims.measurements, claims.attributes, claims.levels];
  const whole = vocabularyOf(claims.platform).identifiedBy.filter((names) =>
    names.every((name) => stated.some((record) => Object.hasOwn(record, name))),
  );
  const measured = whole.filter((names) =>
    names.every((name) => !Object.hasOwn(claims.measurements, name) || isMeasured(claims.measurements[name])),
  );
  const best = whole.find((names) => names.every((name) => chosen.includes(name))) ?? measured[0];
  if (best !== undefined) return best;
  const detail = 'nothing that would single out what runs here was measured: every register that could is empty';
  throw new Fault('CONFIG_INVALID', `${detail}; name others with --measurement`);
}

function unusualAttributes({ platform, attributes }: Claims): NonNullable<AcceptedEnclave['attributes']> {
  const rules = Object.entries(vocabularyOf(platform).attributes);
  const unusual = rules.filter(([name, { otherwise }]) => {
    const found = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    return otherwise !== undefined && found !== undefined && found !== otherwise;
  });
  return pick(
    attributes,
    unusual.map(([name]) => name),
  );
}

function isMeasured(value: string | undefined): boolean {
  return value !== undefined && !/^(0+|f+)$/.test(value);
}

function pick<T>(record: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  const wanted = new Set(names);
  return Object.fromEntries(Object.entries(record).filter(([name]) => wanted.has(name)));
}
