import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '#shared/fault/fault.ts';

const Codes = Type.Array(Type.String());
const Result = Type.Union([Type.Literal('accept'), Type.Literal('reject')]);
const FileName = Type.Union([Type.String(), Type.Null()]);

const VerdictSchema = Type.Object({
  at: Type.String(),
  result: Result,
  reasons: Codes,
  /** Which collateral file the verdict is under; null for none. */
  collateral: Type.Optional(FileName),
  /** Which CRL file must be fresh; null where no CRL is asked for. */
  crl: Type.Optional(FileName),
  /** A root of the sample's own, in the place of the vendor's. */
  trust_anchor: Type.Optional(Type.String()),
  /** For tokens: which key is pinned. */
  trust: Type.Optional(Type.String()),
});

const PolicyCaseSchema = Type.Object({
  min_reported_tcb: Type.Optional(Type.Record(Type.String(), Type.Integer())),
  expected_vmpl: Type.Optional(Type.Integer()),
  expected_host_data: Type.Optional(Type.String()),
  result: Result,
  reasons: Codes,
});

const ExpectedSchema = Type.Object({
  platform: Type.String(),
  sample: Type.String(),
  files: Type.Record(Type.String(), Type.Unknown()),
  fields: Type.Optional(Type.Unknown()),
  leaf_certificate: Type.Optional(Type.Unknown()),
  verdicts: Type.Array(VerdictSchema),
  verdicts_if_debug_allowed: Type.Optional(Type.Array(VerdictSchema)),
  policy_cases: Type.Optional(Type.Array(PolicyCaseSchema)),
});

const RecipeSchema = Type.Object({
  id: Type.String(),
  base: Type.String(),
  at: Type.String(),
  ops: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  expect: Result,
  base_reasons: Codes,
  reasons_any_of: Codes,
  why: Type.String(),
  collateral: Type.Optional(FileName),
  crl: Type.Optional(FileName),
  /** Where they are not those of the base's verdicts. */
  trust_anchor: Type.Optional(Type.String()),
  trust: Type.Optional(Type.String()),
});

const RecipesSchema = Type.Object({ recipes: Type.Array(RecipeSchema) });

/** A verdict that a sample's authors expect at a stated time. */
export type ExpectedVerdict = Static<typeof VerdictSchema>;

/** An appraisal input and the verdict expected under it, at the sample's first time. */
export type PolicyCase = Static<typeof PolicyCaseSchema>;

/** What a correct parser and verifier say of a sample (`expected.json`). */
export type Expected = Static<typeof ExpectedSchema>;

/** A recipe of `mutations.json`, see `recipes.ts`. */
export type Recipe = Static<typeof RecipeSchema>;

/** @throws Fault - CONFIG_INVALID when `json` is no `expected.json` */
export function expectedFrom(json: unknown, where: string): Expected {
  if (Value.Check(ExpectedSchema, json)) return json;
  throw new Fault('CONFIG_INVALID', `${where} is not the expected.json of an attestation vector`);
}

/** @throws Fault - CONFIG_INVALID when `json` is no `mutations.json` */
export function recipesFrom(json: unknown, where: string): readonly Recipe[] {
  if (Value.Check(RecipesSchema, json)) return json.recipes;
  throw new Fault('CONFIG_INVALID', `${where} is not the mutations.json of an attestation vector collection`);
}
