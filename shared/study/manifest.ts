import { type Static, type TObject, type TProperties, Type } from '@sinclair/typebox';
import { AppraisalPolicySchema } from '#shared/attestation/policy.ts';
import { MODEL_LIMITS } from '#shared/model/layout.ts';

/** Bounds of a manifest that are not part of a single field. */
export const MANIFEST_LIMITS = {
  bytesMax: 1024 * 1024,
  participantsMax: 512,
  recipientsMax: 1024,
  metricsMax: 32,
  examplesMax: 2 ** 31 - 1,
  roundsMax: 100_000,
  deadlineSecondsMax: 7 * 24 * 3600,
} as const;

const PARTICIPANT_ID = '^[a-z0-9-]{1,32}$';

/** Field names that a metric may have: letters, digits and `_ . / -`. */
const METRIC_NAME = '^[A-Za-z][A-Za-z0-9_./-]{0,63}$';

function closed<Properties extends TProperties>(properties: Properties, description?: string): TObject<Properties> {
  return Type.Object(properties, {
    additionalProperties: false,
    ...(description === undefined ? {} : { description }),
  });
}

function text(maxLength: number, description: string) {
  return Type.String({ minLength: 1, maxLength, description });
}

/** Canonical base64 of exactly `bytes` bytes; the padding follows from the length. */
function base64Of(bytes: number, description: string) {
  const length = Math.ceil(bytes / 3) * 4;
  return Type.String({ minLength: length, maxLength: length, pattern: '^[A-Za-z0-9+/]*={0,2}$', description });
}

const participantId = (description: string) => Type.String({ pattern: PARTICIPANT_ID, description });
const identityKey = base64Of(32, 'Ed25519 public key, 32 bytes in base64');
const releaseKey = base64Of(1216, 'X-Wing public key, 1216 bytes in base64');

const InitialSchema = Type.Union(
  [
    Type.Literal('zeros'),
    closed({ inline: Type.String({ minLength: 4, pattern: '^[A-Za-z0-9+/]*={0,2}$' }) }),
    closed({ sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) }),
  ],
  { description: 'initial weights: zeros, the flat little-endian float32 values in base64, or their SHA-256' },
);

const TensorSchema = closed({
  name: Type.String({ minLength: 1, maxLength: MODEL_LIMITS.nameCharactersMax }),
  shape: Type.Array(Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.dimensionMax }), {
    maxItems: MODEL_LIMITS.rankMax,
  }),
});

const ModelSchema = Type.Union(
  [
    closed(
      {
        kind: Type.Literal('tensors'),
        tensors: Type.Array(TensorSchema, { minItems: 1, maxItems: MODEL_LIMITS.tensorsMax }),
        initial: InitialSchema,
      },
      'named tensors, for a model of any framework',
    ),
    closed(
      {
        kind: Type.Literal('layers'),
        topology: Type.Record(Type.String(), Type.Unknown(), { description: 'tfjs layers topology, a Sequential' }),
        initial: InitialSchema,
      },
      'a tfjs layers model',
    ),
  ],
  { description: 'the model that is trained' },
);

const TrainingSchema = closed(
  {
    epochs: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    batchSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_048_576 })),
    learningRate: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1000 })),
    optimizer: Type.Optional(Type.Union([Type.Literal('sgd'), Type.Literal('adam')])),
    loss: Type.Optional(text(64, 'a loss that the trainers know')),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffffffff })),
  },
  'settings handed to trainers; the enclave gives them no meaning',
);

const RoundsSchema = closed({
  count: Type.Integer({ minimum: 1, maximum: MANIFEST_LIMITS.roundsMax }),
  quorum: Type.Integer({ minimum: 1, maximum: MANIFEST_LIMITS.participantsMax }),
  cohort: Type.Union([Type.Literal('all'), Type.Integer({ minimum: 1, maximum: MANIFEST_LIMITS.participantsMax })]),
  deadlineSeconds: Type.Integer({ minimum: 1, maximum: MANIFEST_LIMITS.deadlineSecondsMax }),
  gatherSeconds: Type.Integer({ minimum: 0, maximum: MANIFEST_LIMITS.deadlineSecondsMax }),
});

const exampleCount = Type.Integer({ minimum: 1, maximum: MANIFEST_LIMITS.examplesMax });

const AggregationSchema = closed({
  rule: Type.Literal('mean'),
  weighting: Type.Union([
    closed({ kind: Type.Literal('examples'), maximum: exampleCount }),
    closed({ kind: Type.Literal('uniform') }),
  ]),
  examples: closed({ minimum: exampleCount, maximum: exampleCount }),
  metrics: Type.Array(Type.String({ pattern: METRIC_NAME }), { maxItems: MANIFEST_LIMITS.metricsMax }),
});

const ReleaseSchema = closed({
  recipients: Type.Union([
    Type.Literal('participants'),
    Type.Array(participantId('id of a participant'), { maxItems: MANIFEST_LIMITS.participantsMax }),
  ]),
  extra: Type.Optional(
    Type.Array(closed({ id: participantId('id of a recipient'), releaseKey }), {
      maxItems: MANIFEST_LIMITS.recipientsMax,
    }),
  ),
});

const ParticipantSchema = closed({
  id: participantId('short name, unique in the study'),
  name: text(200, 'for people'),
  identityKey,
  releaseKey,
  evidence: Type.Optional(AppraisalPolicySchema),
});

/** The study manifest, version 1: all that a participant consents to. The one source of its types and its JSON Schema. */
export const ManifestSchema = closed({
  cloister: Type.Literal(1, { description: 'version of the manifest format' }),
  study: Type.String({ pattern: '^[a-z0-9-]{1,48}$', description: 'short name of the study' }),
  title: text(200, 'for people'),
  coordinator: closed({ name: text(200, 'for people'), key: identityKey }),
  model: ModelSchema,
  training: Type.Optional(TrainingSchema),
  participants: Type.Array(ParticipantSchema, { minItems: 1, maxItems: MANIFEST_LIMITS.participantsMax }),
  ...AppraisalPolicySchema.properties,
  rounds: RoundsSchema,
  aggregation: AggregationSchema,
  privacy: closed({
    kind: Type.Literal('none'),
    acknowledgedBy: text(200, 'who accepts that releases carry no privacy noise'),
  }),
  release: ReleaseSchema,
});

/** A manifest that satisfies {@link ManifestSchema}; what it says may still contradict itself (`study.ts` finds out). */
export type Manifest = Static<typeof ManifestSchema>;
/** Settings for trainers. */
export type TrainingSettings = Static<typeof TrainingSchema>;
/** How updates are combined. */
export type AggregationSettings = Static<typeof AggregationSchema>;
