import type { Static } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '../fault/fault.ts';
import { VENDOR_ANCHORS } from './anchors.ts';
import { TCB_STATUSES } from './claims.ts';
import type { PlatformVerifier } from './platform.ts';
import type { Platform } from './platforms.ts';
import { PLATFORM_VERIFIERS, PLATFORMS } from './platforms.ts';
import { referenceProblems } from './reference-values.ts';

const DAY_SECONDS = 86_400;
/** So many problems are named at once. */
const SHOWN_PROBLEMS = 3;

/** Evidence may be this old when a policy does not say. */
export const DEFAULT_MAXIMUM_AGE_SECONDS = 3600;

const closed = { additionalProperties: false } as const;
const PlatformName = Type.Unsafe<Platform>(Type.Union(PLATFORMS.map((name) => Type.Literal(name))));
const Name = Type.String({ minLength: 1, maxLength: 128 });
const Fingerprint = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256, lower-case hex' });
const Instant = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$',
  description: 'UTC, such as 2026-11-22T12:00:00Z',
});
const ClaimName = Type.String({ pattern: '^[A-Za-z0-9_.:/-]{1,128}$' });

/** A TCB status that a policy may accept: neither `Revoked` nor `NotSupported` can be. */
const AcceptableStatus = Type.Union(
  TCB_STATUSES.filter((status) => status !== 'Revoked' && status !== 'NotSupported').map((status) =>
    Type.Literal(status),
  ),
);

/**
 * Reference values of one attester that is accepted: a name for people, the platform, and what evidence must show.
 * Which measurements, attributes and levels exist, and which must be stated, depends on the platform (docs/platforms.md).
 */
export const AcceptedEnclaveSchema = Type.Object(
  {
    name: Name,
    platform: PlatformName,
    measurements: Type.Record(ClaimName, Type.String({ pattern: '^([0-9a-f]{2}){1,64}$' }), {
      description: 'measurement name to value, lower-case hex',
      maxProperties: 64,
    }),
    attributes: Type.Optional(
      Type.Record(ClaimName, Type.Union([Type.Boolean(), Type.Number(), Type.String({ maxLength: 512 })]), {
        description: 'attribute to the value that it must have',
        maxProperties: 64,
      }),
    ),
    minimums: Type.Optional(
      Type.Record(ClaimName, Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), {
        description: 'level to the least value that passes, each compared by itself',
        maxProperties: 64,
      }),
    ),
    tcbStatuses: Type.Optional(Type.Array(AcceptableStatus, { minItems: 1, maxItems: TCB_STATUSES.length })),
    advisories: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z0-9-]{1,32}$' }), {
        maxItems: 256,
        description: 'security advisories that are accepted with a status other than UpToDate',
      }),
    ),
    validFrom: Type.Optional(Instant),
    validUntil: Type.Optional(Instant),
  },
  closed,
);

/**
 * A root or key that the policy itself vouches for. `sha256` is over the DER of the certificate, or over the DER
 * SubjectPublicKeyInfo of the key (a token issuer's, an enrolled TPM's). `emulated` marks all that rests on it; it may
 * be false only where no vendor's roots are built in, see {@link policyProblems}.
 */
export const AcceptedRootSchema = Type.Object(
  {
    kind: Type.Optional(
      Type.Union([Type.Literal('certificate'), Type.Literal('key')], { description: 'certificate when left out' }),
    ),
    name: Name,
    platform: PlatformName,
    sha256: Fingerprint,
    emulated: Type.Boolean(),
  },
  closed,
);

/** What may pass although endorsements are missing or out of date, and why. */
export const EndorsementPolicySchema = Type.Object(
  {
    staleSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 366 * DAY_SECONDS,
        description: 'CRLs and collateral pass this long after their end; 0 when left out',
      }),
    ),
    waive: Type.Optional(
      Type.Array(
        Type.Object(
          {
            check: Type.Union([Type.Literal('CRL_MISSING'), Type.Literal('COLLATERAL_MISSING')]),
            because: Type.String({ minLength: 8, maxLength: 512 }),
          },
          closed,
        ),
        { maxItems: 2 },
      ),
    ),
    minimumEvaluationNumber: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 0xffff, description: "least tcbEvaluationDataNumber of Intel's collateral" }),
    ),
  },
  closed,
);

/**
 * What evidence must show to pass. What is left out has its strict default: no further roots, debug refused, evidence
 * of at most {@link DEFAULT_MAXIMUM_AGE_SECONDS}, TCB up to date, endorsements present and current.
 */
export const AppraisalPolicySchema = Type.Object(
  {
    enclaves: Type.Array(AcceptedEnclaveSchema, { minItems: 1, maxItems: 64 }),
    roots: Type.Optional(Type.Array(AcceptedRootSchema, { maxItems: 64 })),
    vendorRoots: Type.Optional(
      Type.Array(Fingerprint, { minItems: 1, maxItems: 16, description: 'of the built-in roots, only these' }),
    ),
    debug: Type.Optional(Type.Union([Type.Literal('refuse'), Type.Literal('allow')])),
    maximumAgeSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3660 * DAY_SECONDS })),
    endorsements: Type.Optional(EndorsementPolicySchema),
  },
  closed,
);

/** See {@link AcceptedEnclaveSchema}. */
export type AcceptedEnclave = Static<typeof AcceptedEnclaveSchema>;

/** See {@link AcceptedRootSchema}. */
export type AcceptedRoot = Static<typeof AcceptedRootSchema>;

/** See {@link AppraisalPolicySchema}. */
export type AppraisalPolicy = Static<typeof AppraisalPolicySchema>;

/**
 * Checks a decoded policy (JSON or YAML).
 * @throws Fault - POLICY_INVALID: mend the field that the message names
 */
export function parsePolicy(value: unknown): AppraisalPolicy {
  if (!Value.Check(AppraisalPolicySchema, value)) {
    const problems = [...Value.Errors(AppraisalPolicySchema, value)].map(({ path, message }) => `${path}: ${message}`);
    throw invalid(problems);
  }
  const problems = policyProblems(value).map(({ path, message }) => `/${path.join('/')}: ${message}`);
  if (problems.length > 0) throw invalid(problems);
  return value;
}

/** What is wrong with a field of a policy. */
export interface PolicyProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What is wrong with a policy whose fields have their right types; empty when nothing is. */
export function policyProblems({ enclaves, roots = [], vendorRoots = [] }: AppraisalPolicy): readonly PolicyProblem[] {
  return [
    ...enclaves.flatMap((enclave, index) =>
      referenceProblems(enclave).map(({ path, message }) => ({ path: ['enclaves', index, ...path], message })),
    ),
    ...roots.flatMap((root, index) => rootProblems(root).map((message) => ({ path: ['roots', index], message }))),
    ...vendorRoots.flatMap((sha256, index) =>
      isVendors(sha256) ? [] : [{ path: ['vendorRoots', index], message: `${sha256} is no root that is built in` }],
    ),
  ];
}

function rootProblems({ kind, platform, sha256, emulated }: AcceptedRoot): readonly string[] {
  if (isVendors(sha256)) return [`root ${sha256} is a vendor's and built in; remove it from roots`];
  const { anchors }: PlatformVerifier = PLATFORM_VERIFIERS[platform];
  // Another root for hardware whose vendor's root is known can only be an emulator's: nobody may call it genuine.
  if (emulated || kind === 'key' || anchors.length === 0) return [];
  return [`found emulated: false, expected true: the roots of ${platform} hardware are built in, so this is none`];
}

function isVendors(sha256: string): boolean {
  return VENDOR_ANCHORS.some((vendor) => vendor.sha256 === sha256);
}

function invalid(problems: readonly string[]): Fault {
  return new Fault('POLICY_INVALID', `appraisal policy: ${problems.slice(0, SHOWN_PROBLEMS).join('; ')}`);
}
