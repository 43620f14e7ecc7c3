import { type Static, Type } from '@sinclair/typebox';
import { decodeMsgpack, encodeMsgpack, exactly } from '../codec/msgpack.ts';
import { PRELUDE_BYTES_MAX } from '../stream/chunk-stream.ts';

/** Most metrics that one update or release may carry. */
export const METRICS_MAX = 32;

/** Names of metrics; the manifest says which of them it takes. */
const METRIC_NAME = '^[A-Za-z0-9_./-]{1,64}$';

/**
 * Any number at all, NaN and infinities too: whether a value is acceptable is for the enclave to say, by its own
 * codes. (TypeBox's own number refuses what is not finite.)
 */
const AnyNumber = Type.Unsafe<number>(Type.Unknown());

const UpdatePreludeSchema = exactly({
  examples: AnyNumber,
  metrics: Type.Record(Type.String({ pattern: METRIC_NAME }), AnyNumber, {
    additionalProperties: false,
    maxProperties: METRICS_MAX,
  }),
});

/** What an update says of itself, sealed with it: how many examples it was trained on, and metrics by name. */
export type UpdatePrelude = Static<typeof UpdatePreludeSchema>;

/** Bytes of a prelude: the plaintext of chunk 0. */
export function encodePrelude({ examples, metrics }: UpdatePrelude): Uint8Array {
  return encodeMsgpack({ examples, metrics });
}

/**
 * Reads a prelude, or `undefined` when it is malformed. Values are numbers and nothing more is known of them: NaN,
 * negative and huge ones come through.
 */
export function decodePrelude(bytes: Uint8Array): UpdatePrelude | undefined {
  const prelude = decodeMsgpack(UpdatePreludeSchema, bytes, PRELUDE_BYTES_MAX);
  if (prelude === undefined) return undefined;
  const numbers: readonly unknown[] = [prelude.examples, ...Object.values(prelude.metrics)];
  return numbers.every((value) => typeof value === 'number') ? prelude : undefined;
}
