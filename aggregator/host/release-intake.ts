import { randomBytes } from 'node:crypto';
import type { ToHost } from '#boundary/to-host.ts';
import { textOf, toHex } from '#shared/bytes/bytes.ts';
import { readStatement } from './envelope.ts';
import { HOST_LIMITS } from './limits.ts';
import type { PayloadStore } from './payload-store.ts';
import type { ReleaseJob } from './release-queue.ts';

type Body<N extends ToHost['name']> = Extract<ToHost, { readonly name: N }>['body'];

const PIECES_UNDER_WAY_MAX = 4;

/** A release on its way in. */
interface Transfer {
  readonly payloadId: string;
  readonly manifestDigest: string;
  readonly round: number;
  readonly bytes: number;
  received: number;
  pieces: number;
  /** Pieces on their way to the store: a few at a time, so that none waits for the answer to another. */
  readonly underWay: Promise<void>[];
}

/** What becomes of a finished transfer. */
export interface IntakeParts {
  readonly payloads: PayloadStore;
  /** Queues the publication; resolves to the id of the payload that counts. */
  readonly publish: (job: ReleaseJob) => Promise<string>;
}

/**
 * Takes releases from the enclave into the queue, piece by piece, so that no more than one piece is held in memory.
 * Each method resolves to a reason to hang up when the enclave broke the order of a transfer.
 */
export class ReleaseIntake {
  readonly #parts: IntakeParts;
  readonly #transfers = new Map<number, Transfer>();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  begin(body: Body<'release-begin'>): string | undefined {
    if (this.#transfers.has(body.transfer)) return `transfer ${body.transfer} began twice`;
    if (this.#transfers.size >= HOST_LIMITS.transfersMax)
      return `more than ${HOST_LIMITS.transfersMax} transfers at once`;
    this.#transfers.set(body.transfer, {
      payloadId: randomBytes(16).toString('hex'),
      manifestDigest: toHex(body.manifestDigest),
      round: body.round,
      bytes: body.bytes,
      received: 0,
      pieces: 0,
      underWay: [],
    });
    return undefined;
  }

  async piece(body: Body<'release-chunk'>): Promise<string | undefined> {
    const transfer = this.#transfers.get(body.transfer);
    if (transfer === undefined) return `a piece of transfer ${body.transfer}, which never began`;
    if (body.offset !== transfer.received) return `a piece at offset ${body.offset}, expected ${transfer.received}`;
    if (transfer.received + body.bytes.length > transfer.bytes)
      return `more than the ${transfer.bytes} bytes announced`;
    if (transfer.pieces >= piecesMax(transfer.bytes)) return 'a payload in needlessly small pieces';
    const put = this.#parts.payloads.put(transfer.payloadId, transfer.pieces, body.bytes);
    // A failure is met where the pieces are awaited; until then it must not count as one that nobody handles.
    put.catch(() => undefined);
    transfer.underWay.push(put);
    transfer.received += body.bytes.length;
    transfer.pieces += 1;
    if (transfer.underWay.length >= PIECES_UNDER_WAY_MAX) await Promise.all(transfer.underWay.splice(0));
    return undefined;
  }

  /** Queues a complete release. When this resolves to `undefined` the release is durable in the queue. */
  async end(body: Body<'release-end'>): Promise<string | undefined> {
    const transfer = this.#transfers.get(body.transfer);
    if (transfer === undefined) return `the end of transfer ${body.transfer}, which never began`;
    if (transfer.received !== transfer.bytes)
      return `a payload of ${transfer.received} bytes, ${transfer.bytes} announced`;
    await Promise.all(transfer.underWay.splice(0));
    const summary = readStatement(body.statement);
    const text = textOf(body.statement);
    if (
      summary === undefined ||
      text === undefined ||
      summary.release !== toHex(body.release) ||
      summary.manifestDigest !== transfer.manifestDigest ||
      summary.round !== transfer.round
    ) {
      return 'a statement that is not that of the release announced';
    }
    const { payloadId, manifestDigest, round, bytes, pieces } = transfer;
    await this.#parts.payloads.putStatement(payloadId, text);
    const kept = await this.#parts.publish({
      release: summary.release,
      manifestDigest,
      round,
      payloadId,
      pieces,
      bytes,
    });
    this.#transfers.delete(body.transfer);
    if (kept !== payloadId) await this.#parts.payloads.remove(payloadId, pieces);
    return undefined;
  }

  /** Forgets what a lost connection left half done. */
  async abandon(): Promise<void> {
    const transfers = [...this.#transfers.values()];
    this.#transfers.clear();
    for (const { underWay } of transfers) await Promise.allSettled(underWay);
    for (const { payloadId, pieces } of transfers) await this.#parts.payloads.remove(payloadId, pieces);
  }
}

/** Pieces may be smaller than the largest, but not so small that there are very many. */
function piecesMax(bytes: number): number {
  return Math.min(
    16 + 2 * Math.ceil(bytes / HOST_LIMITS.payloadPieceBytes),
    Math.ceil(HOST_LIMITS.releaseBytesMax / HOST_LIMITS.payloadPieceBytes),
  );
}
