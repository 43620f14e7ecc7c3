import type { Static } from '@sinclair/typebox';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '../fault/fault.ts';
import { VENDOR_ANCHORS } from './anchors.ts';

const PCR_COUNT = 32;
const DAY_SECONDS = 86_400;
/** So many problems are named at once. */
const SHOWN_PROBLEMS = 3;

/** Evidence may be this old when a policy does not say. */
export const DEFAULT_MAXIMUM_AGE_SECONDS = 3600;

const PcrValue = Type.String({ pattern: '^[0-9a-f]{96}$', description: 'SHA-384 in lower-case hex' });

/** Reference values of an AWS Nitro enclave. PCR0, the whole image, must be among them. */
const NitroMeasurementsSchema = Type.Unsafe<Readonly<Record<string, string>>>(
  Type.Object(
    Object.fromEntries(
      Array.from({ length: PCR_COUNT }, (_, index) => [
        `PCR${index}`,
        index === 0 ? PcrValue : Type.Optional(PcrValue),
      ]),
    ),
    { additionalProperties: false },
  ),
);

/** One enclave that is accepted: a name for people, the platform, and the measurements that it must show. */
export const AcceptedEnclaveSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 128 }),
    platform: Type.Literal('aws-nitro'),
    measurements: NitroMeasurementsSchema,
  },
  { additionalProperties: false },
);

/** A root that is no vendor's, accepted because the policy says so; all that rests on it is marked EMULATED. */
export const AcceptedRootSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 128 }),
    platform: Type.Literal('aws-nitro'),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the DER certificate, lower-case hex' }),
    emulated: Type.Literal(true),
  },
  { additionalProperties: false },
);

/**
 * What evidence must show to pass. What is left out has its strict default: no further roots, debug refused,
 * evidence of at most {@link DEFAULT_MAXIMUM_AGE_SECONDS}.
 */
export const AppraisalPolicySchema = Type.Object(
  {
    enclaves: Type.Array(AcceptedEnclaveSchema, { minItems: 1, maxItems: 64 }),
    roots: Type.Optional(Type.Array(AcceptedRootSchema, { maxItems: 8 })),
    debug: Type.Optional(Type.Union([Type.Literal('refuse'), Type.Literal('allow')])),
    maximumAgeSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3660 * DAY_SECONDS })),
  },
  { additionalProperties: false },
);

/** See {@link AcceptedEnclaveSchema}. */
export type AcceptedEnclave = Static<typeof AcceptedEnclaveSchema>;

/** See {@link AppraisalPolicySchema}. */
export type AppraisalPolicy = Static<typeof AppraisalPolicySchema>;

/**
 * Checks a decoded policy (JSON or YAML).
 * @throws Fault - POLICY_INVALID: mend the field that the message names
 */
export function parsePolicy(value: unknown): AppraisalPolicy {
  if (!Value.Check(AppraisalPolicySchema, value)) {
    const problems = [...Value.Errors(AppraisalPolicySchema, value)].map(({ path, message }) => `${path}: ${message}`);
    throw new Fault('POLICY_INVALID', `appraisal policy: ${problems.slice(0, SHOWN_PROBLEMS).join('; ')}`);
  }
  for (const root of value.roots ?? []) {
    if (VENDOR_ANCHORS.some((vendor) => vendor.sha256 === root.sha256)) {
      throw new Fault(
        'POLICY_INVALID',
        `appraisal policy: root ${root.sha256} is a vendor's and built in; remove it from roots`,
      );
    }
  }
  return value;
}
