import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type AggregationArena, createArena } from '#enclave/aggregation/arena.ts';
import { loadTensors } from '#enclave/aggregation/tensors.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import { assert } from '#shared/fault/fault.ts';
import type { UpdateOpener } from '#shared/update/open-update.ts';
import { type SealedUpdate, sealedUpdate } from './sealed-update.ts';

/**
 * The measured process of fold-sealed-vs-aes. Arguments: parameters, bytes of a chunk, repeats. Prints the best
 * milliseconds of each part as JSON. Both sides read the same kind of memory and take turns.
 */
const [parameters = 0, chunkBytes = 0, repeats = 0] = process.argv.slice(2).map(Number);
const TAG_BYTES = 16;
const LARGE_MESSAGE_BYTES = 1024 * 1024;
const NONCE = new Uint8Array(12);

const tensors = new Uint8Array(Float32Array.from({ length: parameters }, (_, i) => Math.sin(i)).buffer);
const update = await sealedUpdate(tensors, chunkBytes);
const arena = await createArena({ parameterCount: parameters, slots: 1, backend: await loadTensors() });
const key = randomBytes(32);
const sameChunks = sealPlainly(tensors, chunkBytes);
const largeMessages = sealPlainly(tensors, LARGE_MESSAGE_BYTES);
const best: Record<string, number> = {};

for (let i = 0; i < repeats; i++) {
  await keepBest('aesMs', () => decryptAll(sameChunks));
  await keepBest('aesLargeMs', () => decryptAll(largeMessages));
  const opener = await keepBest('beginMs', () => update.begin());
  await keepBest('openStageMs', () => openAndStage(update, opener, arena));
  await keepBest('foldMs', () => arena.fold(0, 100));
  await keepBest('totalMs', async () => {
    await openAndStage(update, update.begin(), arena);
    arena.fold(0, 100);
  });
}
console.log(JSON.stringify(best));

async function keepBest<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  best[name] = Math.min(best[name] ?? Infinity, performance.now() - start);
  return result;
}

/** What the enclave does with the chunks of one update, but for the network. */
async function openAndStage(sealed: SealedUpdate, opener: UpdateOpener, into: AggregationArena): Promise<void> {
  let offset = 0;
  for (const [index, chunk] of sealed.chunks.entries()) {
    const opened = await opener.open(index, chunk);
    assert(opened !== undefined, 'a chunk of the bench opens');
    if (index === 0) continue;
    assert(into.stage(0, offset, opened), 'the values of the bench are finite');
    offset += opened.length;
    giveBack(opened);
  }
  assert(opener.digest().length === 32, 'an update digest has 32 bytes');
}

/** The baseline's input: the same bytes as plain AES-256-GCM messages. */
function sealPlainly(bytes: Uint8Array, messageBytes: number): readonly Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += messageBytes) {
    const cipher = createCipheriv('aes-256-gcm', key, NONCE);
    const ciphertext = cipher.update(bytes.subarray(at, at + messageBytes));
    cipher.final();
    messages.push(new Uint8Array(Buffer.concat([ciphertext, cipher.getAuthTag()])));
  }
  return messages;
}

/** The baseline: the runtime's AES-256-GCM as its manual shows it, on one core, and nothing else. */
function decryptAll(messages: readonly Uint8Array[]): void {
  for (const message of messages) {
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE);
    decipher.setAuthTag(message.subarray(message.length - TAG_BYTES));
    decipher.update(message.subarray(0, message.length - TAG_BYTES));
    decipher.final();
  }
}
