import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { bytesOf, bytesUpTo, decodeMsgpack, encodeMsgpack } from '#shared/codec/msgpack.ts';
import { LIMITS } from './limits.ts';

const closed = { additionalProperties: false } as const;
const round = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const chunkIndex = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const code = Type.String({ pattern: '^[A-Z_]{1,48}$' });
const retryAfterMs = Type.Integer({ minimum: 0, maximum: 3_600_000 });
const updateId = bytesOf(16);

/** Phases of a study, as participants are told them. */
export const PHASES = ['idle', 'recruiting', 'collecting', 'aggregating', 'paused', 'finished', 'stopped'] as const;
/** One of {@link PHASES}. */
export type Phase = (typeof PHASES)[number];
const phase = Type.Union(PHASES.map((name) => Type.Literal(name)));

/** A DSSE-signed value on the wire; type and key follow from where it stands. */
export const SignedSchema = Type.Object(
  { payload: bytesUpTo(LIMITS.signedPayloadBytesMax), signature: bytesOf(64) },
  closed,
);

/**
 * The message table: tag, receiver and body of everything that travels in sealed frames
 * (docs/protocol.md section 4). Tags are never reused.
 */
export const MESSAGES = {
  welcome: { tag: 1, to: 'participant', body: Type.Object({ signature: bytesOf(64), round, phase }, closed) },
  round: { tag: 2, to: 'participant', body: Type.Object({ opening: SignedSchema }, closed) },
  grant: { tag: 3, to: 'participant', body: Type.Object({ updateId, next: chunkIndex }, closed) },
  received: { tag: 4, to: 'participant', body: Type.Object({ updateId, next: chunkIndex }, closed) },
  receipt: { tag: 5, to: 'participant', body: Type.Object({ receipt: SignedSchema }, closed) },
  refusal: { tag: 6, to: 'participant', body: Type.Object({ refusal: SignedSchema }, closed) },
  released: { tag: 7, to: 'participant', body: Type.Object({ round, release: bytesOf(32) }, closed) },
  phase: { tag: 8, to: 'participant', body: Type.Object({ round, phase }, closed) },
  close: { tag: 9, to: 'participant', body: Type.Object({ code, retryAfterMs }, closed) },
  begin: { tag: 33, to: 'enclave', body: Type.Object({ header: SignedSchema }, closed) },
  decline: {
    tag: 34,
    to: 'enclave',
    body: Type.Object({ round, attempt: round, reason: Type.String({ maxLength: 64 }) }, closed),
  },
  held: { tag: 35, to: 'enclave', body: Type.Object({ release: bytesOf(32) }, closed) },
  leave: { tag: 36, to: 'enclave', body: Type.Object({}, closed) },
} as const satisfies Record<string, { tag: number; to: 'participant' | 'enclave'; body: TSchema }>;

type Table = typeof MESSAGES;
/** Name of a message in {@link MESSAGES}. */
export type MessageName = keyof Table;
/** Body of the message of one name. */
export type MessageBody<N extends MessageName> = Static<Table[N]['body']>;
type MessagesTo<R extends 'participant' | 'enclave'> = {
  [N in MessageName]: Table[N]['to'] extends R ? { readonly name: N; readonly body: MessageBody<N> } : never;
}[MessageName];

/** What an enclave sends inside sealed frames. */
export type ToParticipant = MessagesTo<'participant'>;
/** What a participant sends inside sealed frames. */
export type ToEnclave = MessagesTo<'enclave'>;
/** Anything that travels in sealed frames. */
export type Message = ToParticipant | ToEnclave;

/** msgpack `[tag, body]`. */
export function encodeMessage(message: Message): Uint8Array {
  return encodeMsgpack([MESSAGES[message.name].tag, message.body]);
}

function decodeFor<R extends 'participant' | 'enclave'>(receiver: R, bytes: Uint8Array): MessagesTo<R> | undefined {
  // [tag, body]: the tag of every message fits one byte after the array header 0x92.
  if (bytes[0] !== 0x92) return undefined;
  for (const [name, entry] of Object.entries(MESSAGES)) {
    if (entry.tag !== bytes[1] || entry.to !== receiver) continue;
    const pair = decodeMsgpack(Type.Tuple([Type.Literal(entry.tag), entry.body]), bytes, LIMITS.sealedBytesMax);
    // The table pairs each name with the schema that the body has just satisfied.
    return pair === undefined ? undefined : ({ name, body: pair[1] } as MessagesTo<R>);
  }
  return undefined;
}

/** Decodes what a participant sent; `undefined` for anything that is not exactly one legal message. */
export function decodeToEnclave(bytes: Uint8Array): ToEnclave | undefined {
  return decodeFor('enclave', bytes);
}

/** Decodes what the enclave sent; `undefined` for anything that is not exactly one legal message. */
export function decodeToParticipant(bytes: Uint8Array): ToParticipant | undefined {
  return decodeFor('participant', bytes);
}
