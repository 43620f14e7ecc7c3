import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { encodeEnvelope, signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES, type PayloadType } from '#shared/dsse/types.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { type AnswerSubject, encodeReceipt, encodeRefusal } from '#shared/protocol/answers.ts';
import type { ToParticipant } from '#shared/protocol/messages.ts';
import { encodeRoundOpening, type RoundOpening } from '#shared/protocol/opening.ts';
import type { InstanceKeys } from '../keys/instance-keys.ts';

/** What the enclave signs in a study's name; every message carries its whole context. */
export class StudyMessages {
  readonly #keys: InstanceKeys;
  readonly #crypto: CryptoPort;

  constructor(keys: InstanceKeys, crypto: CryptoPort) {
    this.#keys = keys;
    this.#crypto = crypto;
  }

  round(opening: RoundOpening): ToParticipant {
    const signed = this.#sign(PAYLOAD_TYPES.round, encodeRoundOpening(opening));
    return { name: 'round', body: { opening: signed } };
  }

  receipt(subject: AnswerSubject, updateDigest: Uint8Array): ToParticipant {
    const signed = this.#sign(PAYLOAD_TYPES.receipt, encodeReceipt(subject, updateDigest));
    return { name: 'receipt', body: { receipt: signed } };
  }

  refusal(subject: AnswerSubject, code: RefusalCode, detail: string): ToParticipant {
    const signed = this.#sign(PAYLOAD_TYPES.refusal, encodeRefusal(subject, code, detail));
    return { name: 'refusal', body: { refusal: signed } };
  }

  /** DSSE envelope of a status, for the host to show to anybody. */
  status(status: StudyStatus): Uint8Array {
    const payload = utf8(JSON.stringify(statusJson(status, this.#keys.instance)));
    const signed = this.#sign(PAYLOAD_TYPES.status, payload);
    return encodeEnvelope(PAYLOAD_TYPES.status, signed, toHex(this.#keys.instance));
  }

  #sign(type: PayloadType, payload: Uint8Array): { payload: Uint8Array; signature: Uint8Array } {
    return signPayload(type, payload, this.#keys.signing.secretKey, this.#crypto);
  }
}

/** Progress that anybody may see: counts, never who or how much (docs/protocol.md section 9). */
export interface StudyStatus {
  readonly manifestDigest: Uint8Array;
  readonly name: string;
  readonly phase: string;
  readonly round: number;
  readonly rounds: number;
  readonly attempt: number;
  readonly connected: number;
  readonly cohort: number;
  readonly received: number;
  readonly refusals: ReadonlyMap<RefusalCode, number>;
  readonly release: Uint8Array | undefined;
}

function statusJson(status: StudyStatus, instance: Uint8Array): object {
  const { manifestDigest, refusals, release, ...counts } = status;
  return {
    manifestDigest: toHex(manifestDigest),
    instance: toHex(instance),
    ...counts,
    refusals: Object.fromEntries([...refusals].toSorted()),
    release: release === undefined ? null : toHex(release),
  };
}
