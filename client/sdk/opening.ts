import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { type Signed, verifySigned } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { Fault } from '#shared/fault/fault.ts';
import { decodeRoundOpening, type RoundOpening } from '#shared/protocol/opening.ts';
import type { Study } from '#shared/study/study.ts';

declare const verified: unique symbol;

/** A round opening that the attested enclave signed for this study. {@link verifyOpening} is its only producer. */
export type VerifiedOpening = RoundOpening & { readonly [verified]: true };

/**
 * Verifies the enclave's signature over a round opening, then that it is for this study and this model.
 * @throws Fault - ENCLAVE_SIGNATURE_INVALID, ENCLAVE_STATEMENT_WRONG
 */
export function verifyOpening(
  signed: Signed,
  study: Study,
  attested: AttestedAggregator,
  crypto: CryptoPort,
): VerifiedOpening {
  if (!verifySigned(PAYLOAD_TYPES.round, signed, attested.signingKey, crypto)) {
    throw new Fault('ENCLAVE_SIGNATURE_INVALID', 'a round opening is not signed by the attested key');
  }
  // A copy: the opening outlives the frame that it came in.
  const opening = decodeRoundOpening(signed.payload.slice());
  if (opening === undefined) throw wrong('it is not as the protocol says');
  if (!equalBytes(opening.manifestDigest, study.digest)) {
    throw wrong(`it is for manifest ${toHex(opening.manifestDigest)}, expected ${toHex(study.digest)}`);
  }
  if (!equalBytes(opening.layoutDigest, study.layout.digest)) {
    throw wrong(`it is for layout ${toHex(opening.layoutDigest)}, expected ${toHex(study.layout.digest)}`);
  }
  if (opening.kem !== crypto.xWing.id) throw wrong(`it names KEM ${opening.kem}, expected ${crypto.xWing.id}`);
  // The one cast of this file: the brand says that the lines above have run.
  return opening as VerifiedOpening;
}

function wrong(found: string): Fault {
  return new Fault('ENCLAVE_STATEMENT_WRONG', `a round opening cannot be used: ${found}`);
}
