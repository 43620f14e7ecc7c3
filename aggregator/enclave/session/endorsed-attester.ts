import type { Endorsement } from '#shared/attestation/evidence.ts';
import type { Platform } from '#shared/attestation/platforms.ts';
import { equalBytes } from '#shared/bytes/bytes.ts';
import type { Attestation, Attester } from '../ports/attester.ts';

/**
 * An attester whose evidence carries what the host collected, behind what the device gave itself. The enclave neither
 * reads nor trusts it: a vendor signed it for whoever verifies.
 */
export class EndorsedAttester implements Attester {
  readonly platform: Platform;
  readonly #attester: Attester;
  #collected: readonly Endorsement[] = [];

  constructor(attester: Attester) {
    this.platform = attester.platform;
    this.#attester = attester;
  }

  /** From the next evidence on, these go along and none of those before. */
  replaceCollected(items: readonly Endorsement[]): void {
    // Copies: what was decoded may be views of a whole message, which would stay as long as one of them.
    this.#collected = items.map(({ kind, bytes }) => ({ kind, bytes: bytes.slice() }));
  }

  async attest(reportData: Uint8Array): Promise<Attestation> {
    const { document, endorsements } = await this.#attester.attest(reportData);
    const all = [...endorsements, ...this.#collected];
    const once = all.filter((each, place) => all.findIndex((other) => same(each, other)) === place);
    return { document, endorsements: once };
  }
}

function same(left: Endorsement, right: Endorsement): boolean {
  return left.kind === right.kind && equalBytes(left.bytes, right.bytes);
}
