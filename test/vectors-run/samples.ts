import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

const VerdictSchema = Type.Object({
  at: Type.String(),
  result: Type.Union([Type.Literal('accept'), Type.Literal('reject')]),
  reasons: Type.Array(Type.String()),
});

const FieldsSchema = Type.Object({
  module_id: Type.String(),
  timestamp_ms: Type.Integer(),
  pcr_indices: Type.Array(Type.Integer()),
  pcrs_nonzero: Type.Record(Type.String(), Type.String()),
  user_data_hex: Type.Union([Type.String(), Type.Null()]),
  nonce_hex: Type.Union([Type.String(), Type.Null()]),
  public_key_hex: Type.Union([Type.String(), Type.Null()]),
  debug_mode: Type.Boolean(),
  cabundle_len: Type.Integer(),
  root_sha256: Type.String(),
  leaf_sha256: Type.String(),
  chain_subjects: Type.Array(Type.String()),
  chain_valid_from: Type.String(),
  chain_valid_until: Type.String(),
});

const ExpectedSchema = Type.Object({
  verdicts: Type.Array(VerdictSchema),
  verdicts_if_debug_allowed: Type.Optional(Type.Array(VerdictSchema)),
});

const RecipesSchema = Type.Object({
  recipes: Type.Array(
    Type.Object({
      id: Type.String(),
      base: Type.String(),
      at: Type.String(),
      ops: Type.Array(Type.Record(Type.String(), Type.Unknown())),
      expect: Type.Union([Type.Literal('accept'), Type.Literal('reject')]),
      base_reasons: Type.Array(Type.String()),
      reasons_any_of: Type.Array(Type.String()),
      why: Type.String(),
    }),
  ),
});

/** A verdict that a sample's authors expect at a stated time. */
export type ExpectedVerdict = Static<typeof VerdictSchema>;

/** What a correct parser reads from a Nitro document. */
export type ExpectedFields = Static<typeof FieldsSchema>;

/** A mutation recipe, see `recipes.ts`. */
export type Recipe = Static<typeof RecipesSchema>['recipes'][number];

/** A sample: evidence, and what to say of it. `fields` is absent for samples that are no whole document. */
export interface Sample {
  readonly id: string;
  readonly document: Uint8Array;
  readonly verdicts: readonly ExpectedVerdict[];
  readonly verdictsIfDebugAllowed: readonly ExpectedVerdict[];
  readonly fields: ExpectedFields | undefined;
}

/** Folder of the collection, or `undefined` when it is not on this machine. */
export function vectorsFolder(): string | undefined {
  const folder = process.env['CLOISTER_VECTORS'] ?? resolve(import.meta.dirname, '../../../shared/attestation-vectors');
  return existsSync(join(folder, 'mutations.json')) ? folder : undefined;
}

/** All samples of one platform, in the order of their names. */
export function readSamples(folder: string, platform: string): readonly Sample[] {
  return readdirSync(join(folder, platform))
    .toSorted()
    .map((name) => readSample(folder, `${platform}/${name}`));
}

/** One sample by its id, `<platform>/<name>`. */
export function readSample(folder: string, id: string): Sample {
  const json: unknown = JSON.parse(readFileSync(join(folder, id, 'expected.json'), 'utf8'));
  if (!Value.Check(ExpectedSchema, json)) throw new Error(`${id}/expected.json is not as the collection describes`);
  const fields: unknown = 'fields' in json ? json.fields : undefined;
  return {
    id,
    document: new Uint8Array(readFileSync(join(folder, id, 'evidence.cbor'))),
    verdicts: json.verdicts,
    verdictsIfDebugAllowed: json.verdicts_if_debug_allowed ?? [],
    fields: Value.Check(FieldsSchema, fields) ? fields : undefined,
  };
}

/** The recipes whose base is a sample of `platform`. */
export function readRecipes(folder: string, platform: string): readonly Recipe[] {
  const json: unknown = JSON.parse(readFileSync(join(folder, 'mutations.json'), 'utf8'));
  if (!Value.Check(RecipesSchema, json)) throw new Error('mutations.json is not as the collection describes');
  return json.recipes.filter(({ base }) => base.startsWith(`${platform}/`));
}
