import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { utf8 } from '#shared/bytes/bytes.ts';
import { readStatement } from './envelope.ts';
import type { PayloadStore } from './payload-store.ts';
import type { ReleaseJob, Settled } from './release-queue.ts';
import type { ReleaseStore } from './release-store.ts';

const DONE: Settled = { kind: 'done' };

/**
 * Takes a publication from the queue to the disk: puts the pieces together, proves them against the digest in the
 * statement and stores both. What fails a digest is refused for good; what fails for want of a server throws, and is
 * tried again.
 */
export async function settleRelease(job: ReleaseJob, payloads: PayloadStore, store: ReleaseStore): Promise<Settled> {
  if (store.find(job.release) === undefined) {
    const reason = await storeRelease(job, payloads, store);
    if (reason !== undefined) return { kind: 'refused', reason };
  }
  await payloads.remove(job.payloadId, job.pieces);
  return DONE;
}

async function storeRelease(job: ReleaseJob, payloads: PayloadStore, store: ReleaseStore): Promise<string | undefined> {
  const text = await payloads.getStatement(job.payloadId);
  if (text === undefined) return 'the signed statement is gone from the queue: it expired or was removed';
  const statement = utf8(text);
  const summary = readStatement(statement);
  if (summary === undefined) return 'the statement in the queue is not a release statement: it was altered';
  if (summary.release !== job.release || summary.manifestDigest !== job.manifestDigest || summary.round !== job.round) {
    return 'the statement in the queue is not that of the release that the job names: it was altered';
  }
  const writePayload = (file: FileHandle) => writePieces(file, { job, payloads, payloadDigest: summary.payloadDigest });
  return store.add({ ...summary, statement, writePayload });
}

interface PieceSource {
  readonly job: ReleaseJob;
  readonly payloads: PayloadStore;
  readonly payloadDigest: string;
}

async function writePieces(
  file: FileHandle,
  { job, payloads, payloadDigest }: PieceSource,
): Promise<string | undefined> {
  const hash = createHash('sha256');
  let length = 0;
  // The next piece is fetched while this one is digested and written. A failure to fetch it is met in its own turn.
  const pieceAt = (index: number): Promise<Uint8Array | undefined> => {
    const piece = index < job.pieces ? payloads.get(job.payloadId, index) : Promise.resolve(undefined);
    piece.catch(() => undefined);
    return piece;
  };
  let next = pieceAt(0);
  for (let index = 0; index < job.pieces; index++) {
    const piece = await next;
    next = pieceAt(index + 1);
    if (piece === undefined) return `piece ${index} of ${job.pieces} is gone from the queue: it expired or was removed`;
    length += piece.length;
    if (length > job.bytes) return `the payload in the queue is longer than the ${job.bytes} bytes that the job states`;
    hash.update(piece);
    await file.writeFile(piece);
  }
  const digest = hash.digest('hex');
  if (digest === payloadDigest) return undefined;
  return `the payload in the queue has SHA-256 ${digest}, its statement says ${payloadDigest}: it was altered`;
}
