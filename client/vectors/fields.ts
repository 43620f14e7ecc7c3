import { MalformedInput } from '#shared/attestation/malformed.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { vectorPlatform } from './adapters.ts';
import type { VectorFiles } from './vector-platform.ts';

/**
 * The fields of a sample of `folder`, see `VectorPlatform`. Nothing where a parser stops on the way: a spoilt sample is
 * for the verifier to judge, and must not end the run.
 * @throws Fault - CONFIG_INVALID for a folder that no adapter reads, or a sample that lacks a file
 */
export async function sampleFields(folder: string, files: VectorFiles, crypto: CryptoPort): Promise<unknown> {
  try {
    return await vectorPlatform(folder).fieldsOf(files, crypto);
  } catch (cause) {
    if (cause instanceof MalformedInput) return undefined;
    throw cause;
  }
}
