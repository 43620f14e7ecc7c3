import { collectionOf } from '#client/vectors/collection.ts';
import type { Outcome } from '#client/vectors/run.ts';
import type { VectorFiles } from '#client/vectors/vector-platform.ts';
import { fromBase64 } from '#shared/bytes/base64.ts';
import { EMPTY } from '#shared/bytes/bytes.ts';
import { webCrypto } from '#shared/crypto/web.ts';
import { allOutcomes } from './outcomes.ts';

/** What runs in the browser: fetches the collection, runs all of it on WebCrypto and leaves the outcomes on the page. */
async function outcomesHere(): Promise<readonly Outcome[]> {
  return allOutcomes(collectionOf(await fetchedFiles()), webCrypto(globalThis.crypto));
}

async function fetchedFiles(): Promise<VectorFiles> {
  const entries: unknown = await (await fetch('/vectors.json')).json();
  if (!Array.isArray(entries)) throw new TypeError('vectors.json is no list of files');
  return new Map(entries.map(([path, base64]) => [String(path), fromBase64(String(base64)) ?? EMPTY]));
}

Object.assign(globalThis, { cloisterOutcomes: outcomesHere() });
