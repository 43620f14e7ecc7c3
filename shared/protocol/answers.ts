import { type Static, Type } from '@sinclair/typebox';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { LIMITS } from './limits.ts';

const hex = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${2 * bytes}}$` });
const count = Type.Integer({ minimum: 0, maximum: 0xffffffff });

const about = {
  manifestDigest: hex(32),
  round: count,
  attempt: count,
  participant: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }),
  updateId: hex(16),
};

/** The enclave's word that an update counts (docs/protocol.md section 6). */
export const ReceiptSchema = Type.Object(
  { kind: Type.Literal('receipt'), ...about, updateDigest: hex(32) },
  { additionalProperties: false },
);
/** A decoded {@link ReceiptSchema}. */
export type Receipt = Static<typeof ReceiptSchema>;

/** The enclave's word that an update does not count, and why. */
export const RefusalSchema = Type.Object(
  {
    kind: Type.Literal('refusal'),
    ...about,
    code: Type.String({ pattern: '^[A-Z_]{1,48}$' }),
    detail: Type.String({ maxLength: 512 }),
  },
  { additionalProperties: false },
);
/** A decoded {@link RefusalSchema}. */
export type Refusal = Static<typeof RefusalSchema>;

/** Which update an answer is about. */
export interface AnswerSubject {
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly attempt: number;
  readonly participant: string;
  readonly updateId: Uint8Array;
}

function aboutUpdate(subject: AnswerSubject): Omit<Receipt, 'kind' | 'updateDigest'> {
  const { manifestDigest, round, attempt, participant, updateId } = subject;
  return { manifestDigest: toHex(manifestDigest), round, attempt, participant, updateId: toHex(updateId) };
}

/** Payload of a receipt, to be signed. */
export function encodeReceipt(subject: AnswerSubject, updateDigest: Uint8Array): Uint8Array {
  const receipt: Receipt = { kind: 'receipt', ...aboutUpdate(subject), updateDigest: toHex(updateDigest) };
  return utf8(JSON.stringify(receipt));
}

/** Payload of a refusal, to be signed. */
export function encodeRefusal(subject: AnswerSubject, code: RefusalCode, detail: string): Uint8Array {
  const refusal: Refusal = { kind: 'refusal', ...aboutUpdate(subject), code, detail };
  return utf8(JSON.stringify(refusal));
}

/** Decodes a receipt's payload; `undefined` for anything else. */
export function decodeReceipt(payload: Uint8Array): Receipt | undefined {
  return decodeJson(ReceiptSchema, payload, LIMITS.signedPayloadBytesMax);
}

/** Decodes a refusal's payload; `undefined` for anything else. */
export function decodeRefusal(payload: Uint8Array): Refusal | undefined {
  return decodeJson(RefusalSchema, payload, LIMITS.signedPayloadBytesMax);
}
