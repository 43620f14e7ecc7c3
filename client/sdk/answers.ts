import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { type Signed, verifySigned } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { REFUSAL_CODES, type RefusalCode } from '#shared/fault/codes.ts';
import { Fault } from '#shared/fault/fault.ts';
import {
  type AnswerSubject,
  decodeReceipt,
  decodeRefusal,
  type Receipt,
  type Refusal,
} from '#shared/protocol/answers.ts';

/** A refusal of the attested enclave, with a code that this version knows. */
export interface VerifiedRefusal {
  readonly refusal: Refusal;
  readonly code: RefusalCode;
}

/**
 * Verifies a receipt: signed by the attested enclave, for exactly this update of ours.
 * @param updateDigest of the update as it was sealed here, 32 bytes
 * @throws Fault - ENCLAVE_SIGNATURE_INVALID, ENCLAVE_STATEMENT_WRONG
 */
export function verifyReceipt(
  signed: Signed,
  subject: AnswerSubject,
  updateDigest: Uint8Array,
  { attested, crypto }: { readonly attested: AttestedAggregator; readonly crypto: CryptoPort },
): Receipt {
  if (!verifySigned(PAYLOAD_TYPES.receipt, signed, attested.signingKey, crypto)) throw unsigned('a receipt');
  const receipt = decodeReceipt(signed.payload);
  if (receipt === undefined) throw wrong('a receipt is not as the protocol says');
  if (!isAbout(receipt, subject)) throw wrong('a receipt is about another update than the one that was sent');
  if (receipt.updateDigest !== toHex(updateDigest)) {
    throw wrong(`a receipt names update digest ${receipt.updateDigest}, expected ${toHex(updateDigest)}`);
  }
  return receipt;
}

/**
 * Verifies a refusal. It may be about an older update of ours: the caller compares.
 * @throws Fault - ENCLAVE_SIGNATURE_INVALID, ENCLAVE_STATEMENT_WRONG
 */
export function verifyRefusal(
  signed: Signed,
  participant: string,
  manifestDigest: Uint8Array,
  { attested, crypto }: { readonly attested: AttestedAggregator; readonly crypto: CryptoPort },
): VerifiedRefusal {
  if (!verifySigned(PAYLOAD_TYPES.refusal, signed, attested.signingKey, crypto)) throw unsigned('a refusal');
  const refusal = decodeRefusal(signed.payload);
  if (refusal === undefined) throw wrong('a refusal is not as the protocol says');
  if (refusal.participant !== participant || refusal.manifestDigest !== toHex(manifestDigest)) {
    throw wrong('a refusal is for another participant or another study');
  }
  const code = refusalCodeOf(refusal.code);
  if (code === undefined) throw wrong('a refusal carries a code that this version does not know');
  return { refusal, code };
}

/** `text` when it is a refusal code that this version knows. */
export function refusalCodeOf(text: string): RefusalCode | undefined {
  return Object.hasOwn(REFUSAL_CODES, text) ? (text as RefusalCode) : undefined;
}

/** Whether an answer is about exactly this update. */
export function isAbout(answer: Receipt | Refusal, subject: AnswerSubject): boolean {
  return (
    answer.manifestDigest === toHex(subject.manifestDigest) &&
    answer.round === subject.round &&
    answer.attempt === subject.attempt &&
    answer.participant === subject.participant &&
    answer.updateId === toHex(subject.updateId)
  );
}

function unsigned(what: string): Fault {
  return new Fault('ENCLAVE_SIGNATURE_INVALID', `${what} is not signed by the attested key`);
}

function wrong(what: string): Fault {
  return new Fault('ENCLAVE_STATEMENT_WRONG', what);
}
