import { Type } from '@sinclair/typebox';
import type { Standardisation } from '#client/trainer/standardisation.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import { Fault } from '#shared/fault/fault.ts';

/** Longest file: room for some hundred thousand features. */
export const STANDARDISATION_BYTES_MAX = 16 * 1024 * 1024;

const numbers = (minimum?: number) =>
  Type.Array(Type.Number(minimum === undefined ? {} : { exclusiveMinimum: minimum }), { minItems: 1 });

const StandardisationSchema = Type.Object({ mean: numbers(), deviation: numbers(0) }, { additionalProperties: false });

/** The file that a moments study gives and a training study takes: JSON `{"mean":[…],"deviation":[…]}`. */
export function encodeStandardisation({ mean, deviation }: Standardisation): Uint8Array {
  return utf8(`${JSON.stringify({ mean: [...mean], deviation: [...deviation] })}\n`);
}

/**
 * Reads that file for `featureCount` features.
 * @throws Fault - DATA_INVALID
 */
export function decodeStandardisation(bytes: Uint8Array, featureCount: number): Standardisation {
  const decoded = decodeJson(StandardisationSchema, bytes, STANDARDISATION_BYTES_MAX);
  if (decoded === undefined) {
    throw new Fault(
      'DATA_INVALID',
      'the standardisation file is not as `cloister participant --trainer moments` writes it',
    );
  }
  const { mean, deviation } = decoded;
  if (mean.length !== featureCount || deviation.length !== featureCount) {
    const found = `found ${mean.length} means and ${deviation.length} deviations`;
    throw new Fault('DATA_INVALID', `the standardisation does not fit the data: ${found}, expected ${featureCount}`);
  }
  return { mean: Float32Array.from(mean), deviation: Float32Array.from(deviation) };
}
