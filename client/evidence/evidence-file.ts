import { type Static, type TSchema, Type } from '@sinclair/typebox';
import type { ShownEvidence } from '#shared/attestation/shown.ts';
import { fromBase64, toBase64 } from '#shared/bytes/base64.ts';
import { textOf, utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import { Fault } from '#shared/fault/fault.ts';
import { pathWords } from '#shared/study/problem.ts';
import { schemaProblems } from '#shared/study/schema-words.ts';

/** Longest evidence file of either form, in bytes. */
export const EVIDENCE_FILE_BYTES_MAX = 1024 * 1024;

const base64 = Type.String({ maxLength: 256 * 1024 });
const closed = { additionalProperties: false } as const;

const shown = {
  platform: Type.String({ minLength: 1, maxLength: 32 }),
  document: base64,
  endorsements: Type.Array(
    Type.Object({ kind: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }), bytes: base64 }, closed),
    {
      maxItems: 16,
    },
  ),
};

/** Anybody's evidence: of an enclave, of a participant, of a machine that knows no study. Bytes are base64. */
const PortableSchema = Type.Object(shown, closed);

/** Evidence as a host serves it: with the keys of the enclave that it must be bound to. */
const ServedSchema = Type.Object({ ...shown, kemKey: base64, signingKey: base64, nonceRoot: base64 }, closed);

/** Keys that served evidence must be bound to. Nothing in it is trusted yet. */
export interface ShownKeys {
  readonly kemKey: Uint8Array;
  readonly signingKey: Uint8Array;
  readonly nonceRoot: Uint8Array;
}

/** Evidence with the keys that it must be bound to. */
export type ServedEvidence = ShownEvidence & ShownKeys;

/** What an evidence file holds: `keys` only where a host served it. */
export interface EvidenceFile {
  readonly evidence: ShownEvidence;
  readonly keys: ShownKeys | undefined;
}

/** The evidence of a file of either form. @throws Fault `EVIDENCE_REFUSED` that says what is malformed */
export function decodeEvidenceFile(bytes: Uint8Array): EvidenceFile {
  const json = decodeJson(Type.Union([ServedSchema, PortableSchema]), bytes, EVIDENCE_FILE_BYTES_MAX);
  if (json === undefined) throw malformed(whatIsWrong(bytes));
  const keys = 'kemKey' in json ? json : undefined;
  return { evidence: shownIn(json), keys: keys === undefined ? undefined : keysIn(keys) };
}

/** The evidence of a file in the host's form. @throws Fault `EVIDENCE_REFUSED` that says what is malformed */
export function decodeServedEvidence(bytes: Uint8Array): ServedEvidence {
  const json = decodeJson(ServedSchema, bytes, EVIDENCE_FILE_BYTES_MAX);
  if (json === undefined) throw malformed(whatIsWrong(bytes, ServedSchema));
  return { ...shownIn(json), ...keysIn(json) };
}

/** Evidence as a file of the portable form. */
export function encodeEvidenceFile({ platform, document, endorsements }: ShownEvidence): Uint8Array {
  const json: Static<typeof PortableSchema> = {
    platform,
    document: toBase64(document),
    endorsements: endorsements.map(({ kind, bytes }) => ({ kind, bytes: toBase64(bytes) })),
  };
  return utf8(`${JSON.stringify(json, undefined, 2)}\n`);
}

function shownIn({ platform, document, endorsements }: Static<typeof PortableSchema>): ShownEvidence {
  return {
    platform,
    document: bytesOf(document, 'document'),
    endorsements: endorsements.map(({ kind, bytes }, index) => ({
      kind,
      bytes: bytesOf(bytes, `endorsements[${index}].bytes`),
    })),
  };
}

function keysIn({ kemKey, signingKey, nonceRoot }: Static<typeof ServedSchema>): ShownKeys {
  return {
    kemKey: bytesOf(kemKey, 'kemKey'),
    signingKey: bytesOf(signingKey, 'signingKey'),
    nonceRoot: bytesOf(nonceRoot, 'nonceRoot'),
  };
}

function bytesOf(text: string, path: string): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes === undefined) throw malformed(`${path} is not canonical base64`);
  return bytes;
}

/** Why `bytes` are not of the form that they are meant to have: that of `schema`, else the one that they come closest to. */
function whatIsWrong(bytes: Uint8Array, schema?: TSchema): string {
  let value: unknown;
  try {
    value = JSON.parse(textOf(bytes) ?? '');
  } catch {
    // JSON.parse throws for what is no JSON and for nothing else; the answer is the return value.
    return 'it is not JSON';
  }
  const isServed = typeof value === 'object' && value !== null && 'kemKey' in value;
  const [problem] = schemaProblems(schema ?? (isServed ? ServedSchema : PortableSchema), value);
  if (problem === undefined) return 'a key stands twice in it, or it is too long';
  return `${pathWords(problem.path) || 'it'}: ${problem.message}`;
}

function malformed(why: string): Fault {
  const expected = 'expected the JSON that a host serves, or platform, document and endorsements';
  return new Fault('EVIDENCE_REFUSED', `the evidence is malformed: ${why}; ${expected}`);
}
