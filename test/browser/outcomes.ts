import { type Collection, runCollection } from '#client/vectors/collection.ts';
import type { Outcome } from '#client/vectors/run.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';

/** Every outcome of a collection: the same list under Node and in a browser. */
export async function allOutcomes(collection: Collection, crypto: CryptoPort): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of runCollection(collection, crypto)) outcomes.push(outcome);
  return outcomes;
}
