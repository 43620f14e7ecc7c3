import { BOUNDARY_LIMITS } from '#boundary/limits.ts';
import type { ToHost } from '#boundary/to-host.ts';
import { equalBytes } from '#shared/bytes/bytes.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import { assert } from '#shared/fault/fault.ts';
import type { SignedRelease } from '#shared/release/seal-release.ts';
import type { HostPort } from '../ports/host.ts';

/** A sealed release on its way out: its payload can be produced again, byte for byte, until the host has stored it. */
export interface OutgoingRelease {
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly payloadBytes: number;
  /** The payload piece by piece, the same bytes each time; each piece is the taker's to give back. */
  pieces(): AsyncIterable<Uint8Array>;
  /** The signed statement; to be asked for after the pieces were made once, and the same ever after. */
  signed(): SignedRelease;
  /** Overwrites the content key; no piece can be made afterwards. */
  wipe(): void;
}

interface Pending {
  readonly outgoing: OutgoingRelease;
  /** Known once the payload was made whole. */
  release: Uint8Array | undefined;
  readonly stored: () => void;
}

/**
 * Hands releases to the host. A release is sent whole again, the same bytes, whenever the host came back before it
 * said that the release is stored: nothing is lost, and there are never two releases of one round.
 */
export class Publisher {
  readonly #host: HostPort;
  readonly #nextTransfer: () => number;
  #pending: Pending | undefined;
  /** Number of the transmission that counts, if any. */
  #transfer: number | undefined;
  #transmission: Promise<void> = Promise.resolve();

  /** `nextTransfer` numbers transmissions; no two that the host hears of at a time share a number. */
  constructor(host: HostPort, nextTransfer: () => number) {
    this.#host = host;
    this.#nextTransfer = nextTransfer;
  }

  /** Sends a release; resolves with its digest when the host has it. One at a time. */
  async publish(outgoing: OutgoingRelease): Promise<Uint8Array> {
    assert(this.#pending === undefined, 'one release is published at a time');
    const stored = new Promise<void>((resolve) => {
      const pending = { outgoing, release: undefined, stored: resolve };
      this.#pending = pending;
      void this.#transmit(pending);
    });
    await stored;
    this.#pending = undefined;
    // A transmission may still be under way, for the host can confirm while it is sent the release again. It must end
    // before the key is wiped and the weights change: a piece sealed afterwards would be open to the host.
    this.#transfer = undefined;
    await this.#transmission;
    const { release } = outgoing.signed();
    outgoing.wipe();
    return release;
  }

  /** The host has stored `release`. A false word of the host's costs it a delay: participants look for themselves. */
  stored(release: Uint8Array): void {
    const pending = this.#pending;
    if (pending?.release !== undefined && equalBytes(pending.release, release)) pending.stored();
  }

  /** The host is back: what it has not stored is sent again. */
  async hostReturned(): Promise<void> {
    if (this.#pending !== undefined) await this.#transmit(this.#pending);
  }

  /** Sends a release whole, after the transmission before it has noticed that it is out of date. */
  #transmit(pending: Pending): Promise<void> {
    const transfer = this.#nextTransfer();
    this.#transfer = transfer;
    this.#transmission = this.#transmission.then(() => this.#send(pending, transfer));
    return this.#transmission;
  }

  async #send(pending: Pending, transfer: number): Promise<void> {
    const { manifestDigest, round, payloadBytes } = pending.outgoing;
    const send = async (message: ToHost): Promise<boolean> => {
      if (transfer === this.#transfer) await this.#host.send(message);
      return transfer === this.#transfer;
    };
    if (!(await send({ name: 'release-begin', body: { manifestDigest, round, transfer, bytes: payloadBytes } })))
      return;
    let offset = 0;
    for await (const bytes of pending.outgoing.pieces()) {
      for (const piece of split(bytes)) {
        if (!(await send({ name: 'release-chunk', body: { transfer, offset, bytes: piece } }))) return;
        offset += piece.length;
      }
      giveBack(bytes);
    }
    assert(offset === payloadBytes, 'a payload is as long as its geometry says');
    const { envelope, release } = pending.outgoing.signed();
    pending.release = release;
    await send({ name: 'release-end', body: { transfer, statement: envelope, release } });
  }
}

/** Cuts what is longer than a boundary message may carry: a sealed chunk of 1 MiB is 16 bytes longer. */
function split(bytes: Uint8Array): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += BOUNDARY_LIMITS.pieceBytesMax) {
    pieces.push(bytes.subarray(at, at + BOUNDARY_LIMITS.pieceBytesMax));
  }
  return pieces;
}
