import { reportDataFor } from '#shared/attestation/binding.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import { inclusionPaths, treeRoot } from '#shared/log/merkle.ts';
import { LIMITS } from '#shared/protocol/limits.ts';
import type { Attester } from '../ports/attester.ts';

/** One quote over a batch of nonces. */
export interface Quote {
  readonly platform: string;
  readonly document: Uint8Array;
  readonly endorsements: readonly Endorsement[];
  readonly nonceRoot: Uint8Array;
}

/** A quote and the place of one nonce in its tree. */
export interface NonceProof {
  readonly quote: Quote;
  readonly nonceIndex: number;
  readonly nonceCount: number;
  readonly noncePath: readonly Uint8Array[];
}

interface Waiting {
  readonly nonce: Uint8Array;
  readonly resolve: (proof: NonceProof) => void;
  readonly reject: (cause: unknown) => void;
}

/** What a study's evidence binds besides the nonces. */
export interface BoundKeys {
  readonly kemKey: Uint8Array;
  readonly signingKey: Uint8Array;
  readonly manifestDigest: Uint8Array;
}

/**
 * Quotes are slow and throttled, so one serves every handshake that waits: while the device works on one, the nonces
 * that arrive gather for the next.
 */
export class EvidenceBatch {
  readonly #attester: Attester;
  readonly #keys: BoundKeys;
  readonly #crypto: CryptoPort;
  readonly #made: (quote: Quote) => void;
  #waiting: Waiting[] = [];
  #busy = false;
  #latest: Quote | undefined;

  /** `made` hears of every new quote. */
  constructor(attester: Attester, keys: BoundKeys, crypto: CryptoPort, made: (quote: Quote) => void) {
    this.#attester = attester;
    this.#keys = keys;
    this.#crypto = crypto;
    this.#made = made;
  }

  /** The newest quote; `undefined` before the first. */
  get latest(): Quote | undefined {
    return this.#latest;
  }

  /** A quote whose tree holds `nonce` (32 bytes). Rejects with `ATTESTER_FAILED`, or when too many wait. */
  prove(nonce: Uint8Array): Promise<NonceProof> {
    if (this.#waiting.length >= LIMITS.noncesPerQuoteMax) {
      const message = `${this.#waiting.length} handshakes wait for evidence, which is the most; try again in a moment`;
      return Promise.reject(new Fault('ATTESTER_FAILED', message));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ nonce, resolve, reject });
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#serve(batch);
      } catch (cause) {
        for (const { reject } of batch) reject(cause);
      }
    }
    this.#busy = false;
  }

  async #serve(batch: readonly Waiting[]): Promise<void> {
    const nonces = batch.map(({ nonce }) => nonce);
    const nonceRoot = treeRoot(nonces, this.#crypto);
    const { document, endorsements } = await this.#attester.attest(
      reportDataFor({ ...this.#keys, nonceRoot }, this.#crypto),
    );
    requireRoom(document, endorsements);
    const quote: Quote = { platform: this.#attester.platform, document, endorsements, nonceRoot };
    this.#latest = quote;
    this.#made(quote);
    const paths = inclusionPaths(nonces, this.#crypto);
    batch.forEach(({ resolve }, nonceIndex) => {
      const noncePath = paths[nonceIndex];
      assert(noncePath !== undefined, 'every nonce has its path');
      resolve({ quote, nonceIndex, nonceCount: nonces.length, noncePath });
    });
  }
}

/** Evidence that no frame can carry would end every handshake with a bug of ours: it is the device's or the host's. */
function requireRoom(document: Uint8Array, endorsements: readonly Endorsement[]): void {
  const bytes = endorsements.reduce((sum, endorsement) => sum + endorsement.bytes.length, document.length);
  const longest = Math.max(0, ...endorsements.map((endorsement) => endorsement.bytes.length));
  const fits =
    document.length <= LIMITS.evidenceBytesMax &&
    longest <= LIMITS.endorsementBytesMax &&
    endorsements.length <= LIMITS.endorsementsMax &&
    bytes <= LIMITS.evidenceTotalBytesMax;
  if (fits) return;
  const found = `${document.length} bytes of evidence and ${endorsements.length} endorsements, ${bytes} bytes in all`;
  throw new Fault('ATTESTER_FAILED', `${found}, are more than a frame takes; give the host fewer endorsements`);
}
