/**
 * The release statement (protocol section 7): an in-toto statement that names a release's payload by digest, tells how
 * it came about, and carries the evidence of the enclave that signed it.
 */
import { type Static, Type } from '@sinclair/typebox';
import { fromBase64, toBase64 } from '../bytes/base64.ts';
import { fromHex, toHex, utf8 } from '../bytes/bytes.ts';
import { decodeJson } from '../codec/json.ts';
import { exactly } from '../codec/msgpack.ts';

/** Longest statement, bytes. */
export const STATEMENT_BYTES_MAX = 320 * 1024;
/** Longest envelope file around a statement, bytes. */
export const STATEMENT_FILE_BYTES_MAX = 448 * 1024;

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'https://cloister.dev/release/v1';
const KEM_KEY_BYTES = 1216;

const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });
const base64 = Type.String({ maxLength: STATEMENT_BYTES_MAX });
const count = Type.Integer({ minimum: 0, maximum: 0xffffffff });

const RuleSchema = Type.Union([
  exactly({ kind: Type.Literal('initial') }),
  exactly({
    kind: Type.Literal('mean'),
    weighting: Type.Union([Type.Literal('examples'), Type.Literal('uniform')]),
  }),
]);
const PrivacySchema = exactly({ kind: Type.Literal('none') });

const StatementSchema = exactly({
  _type: Type.Literal(STATEMENT_TYPE),
  subject: Type.Array(exactly({ name: Type.String({ maxLength: 32 }), digest: exactly({ sha256: digest }) }), {
    minItems: 1,
    maxItems: 1,
  }),
  predicateType: Type.Literal(PREDICATE_TYPE),
  predicate: exactly({
    study: Type.String({ minLength: 1, maxLength: 64 }),
    manifestDigest: digest,
    round: count,
    previous: digest,
    cohortSize: count,
    contributions: count,
    rule: RuleSchema,
    privacy: PrivacySchema,
    layoutDigest: digest,
    tensorBytes: Type.Integer({ minimum: 4, maximum: Number.MAX_SAFE_INTEGER, multipleOf: 4 }),
    chunkBytes: Type.Integer({ minimum: 4, maximum: 0xffffffff, multipleOf: 4 }),
    evidence: exactly({
      platform: Type.String({ minLength: 1, maxLength: 32 }),
      document: base64,
      endorsements: Type.Array(exactly({ kind: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }), bytes: base64 }), {
        maxItems: 16,
      }),
      kemKey: base64,
      signingKey: base64,
      nonceRoot: base64,
    }),
  }),
});

/** How a model came about: the weights of the manifest, or a mean over updates. */
export type ReleaseRule = Readonly<Static<typeof RuleSchema>>;

/** The evidence in a statement, and the keys it must be bound to. Nothing in it is trusted yet. */
export interface ReleaseEvidence {
  readonly platform: string;
  readonly document: Uint8Array;
  readonly endorsements: readonly { readonly kind: string; readonly bytes: Uint8Array }[];
  /** X-Wing, 1216 bytes. */
  readonly kemKey: Uint8Array;
  /** Ed25519, 32 bytes: the key that signed the statement. */
  readonly signingKey: Uint8Array;
  readonly nonceRoot: Uint8Array;
}

/** What a statement says. Digests have 32 bytes; sizes are in bytes; `round` is 0 for the initial weights. */
export interface ReleaseStatement {
  readonly payloadDigest: Uint8Array;
  /** Short name of the study, for people. */
  readonly study: string;
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  /** Release digest before this one; 32 zero bytes for release 0. */
  readonly previous: Uint8Array;
  readonly cohortSize: number;
  readonly contributions: number;
  readonly rule: ReleaseRule;
  readonly privacy: Readonly<Static<typeof PrivacySchema>>;
  readonly layoutDigest: Uint8Array;
  readonly tensorBytes: number;
  readonly chunkBytes: number;
  readonly evidence: ReleaseEvidence;
}

/** The JSON bytes to sign. */
export function encodeStatement(statement: ReleaseStatement): Uint8Array {
  const { study, round, cohortSize, contributions, rule, privacy, tensorBytes, chunkBytes, evidence } = statement;
  const predicate = {
    study,
    manifestDigest: toHex(statement.manifestDigest),
    round,
    previous: toHex(statement.previous),
    cohortSize,
    contributions,
    rule,
    privacy,
    layoutDigest: toHex(statement.layoutDigest),
    tensorBytes,
    chunkBytes,
    evidence: {
      platform: evidence.platform,
      document: toBase64(evidence.document),
      endorsements: evidence.endorsements.map(({ kind, bytes }) => ({ kind, bytes: toBase64(bytes) })),
      kemKey: toBase64(evidence.kemKey),
      signingKey: toBase64(evidence.signingKey),
      nonceRoot: toBase64(evidence.nonceRoot),
    },
  };
  const subject = [{ name: nameOf(round), digest: { sha256: toHex(statement.payloadDigest) } }];
  return utf8(JSON.stringify({ _type: STATEMENT_TYPE, subject, predicateType: PREDICATE_TYPE, predicate }));
}

/** What statement bytes say, or `undefined` when they are malformed or contradict themselves. */
export function decodeStatement(bytes: Uint8Array): ReleaseStatement | undefined {
  const json = decodeJson(StatementSchema, bytes, STATEMENT_BYTES_MAX);
  const subject = json?.subject[0];
  if (json === undefined || subject === undefined) return undefined;
  const { predicate } = json;
  const evidence = decodeEvidence(predicate.evidence);
  const [manifestDigest, previous, layoutDigest, payloadDigest] = [
    fromHex(predicate.manifestDigest),
    fromHex(predicate.previous),
    fromHex(predicate.layoutDigest),
    fromHex(subject.digest.sha256),
  ];
  if (!evidence || !manifestDigest || !previous || !layoutDigest || !payloadDigest) return undefined;
  if (subject.name !== nameOf(predicate.round)) return undefined;
  return { ...predicate, evidence, manifestDigest, previous, layoutDigest, payloadDigest };
}

function decodeEvidence(json: Static<typeof StatementSchema>['predicate']['evidence']): ReleaseEvidence | undefined {
  const document = fromBase64(json.document);
  const kemKey = fromBase64(json.kemKey);
  const signingKey = fromBase64(json.signingKey);
  const nonceRoot = fromBase64(json.nonceRoot);
  const endorsements = json.endorsements.flatMap(({ kind, bytes }) => {
    const decoded = fromBase64(bytes);
    return decoded === undefined ? [] : [{ kind, bytes: decoded }];
  });
  if (!document || !kemKey || !signingKey || !nonceRoot || endorsements.length !== json.endorsements.length) {
    return undefined;
  }
  if (kemKey.length !== KEM_KEY_BYTES || signingKey.length !== 32 || nonceRoot.length !== 32) return undefined;
  return { platform: json.platform, document, endorsements, kemKey, signingKey, nonceRoot };
}

function nameOf(round: number): string {
  return `release-${round}`;
}
