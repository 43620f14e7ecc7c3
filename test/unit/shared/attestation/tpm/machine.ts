import { type EventRecorder, encodeEventLog, recordBoot } from '#infra/emulator/tpm/event-log.ts';
import { type AkOptions, type EmulatedAk, emulatedAk, newAkKeys } from '#infra/emulator/tpm/key.ts';
import { mintQuote, type QuoteDefects, type QuoteRequest } from '#infra/emulator/tpm/quote.ts';
import { TpmRegisters } from '#infra/emulator/tpm/registers.ts';
import type { Anchor } from '#shared/attestation/anchor.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { encodeTpmDocument, type TpmDocument } from '#shared/attestation/tpm/document.ts';
import type { PcrBank } from '#shared/attestation/tpm/pcr.ts';
import type { Verification } from '#shared/attestation/verification.ts';
import { verifyEvidence } from '#shared/attestation/verify.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import type { Keys } from '#test/fakes/tee/certificates.ts';

/** The time of the tests, and the nonce that quotes answer. */
export const AT_MS = Date.parse('2026-03-01T12:00:00Z');
export const NONCE = new Uint8Array(32).fill(7);

/** What a quote covers unless a test says otherwise. */
export const SELECTION: QuoteRequest['selection'] = new Map<PcrBank, readonly number[]>([
  ['sha256', [0, 1, 2, 3, 4, 5, 6, 7, 8, 17, 23]],
]);

/** Keys of each kind, made once: RSA takes its time. */
export const KEYS: Readonly<Record<EmulatedAk['kind'], Keys>> = {
  rsa: newAkKeys('rsa'),
  p256: newAkKeys('p256'),
  p384: newAkKeys('p384'),
};

/** A machine that has booted, and its attestation key. */
export interface Machine {
  readonly ak: EmulatedAk;
  readonly registers: TpmRegisters;
  readonly recorder: EventRecorder;
}

/** A machine after a boot. */
export function bootedMachine(
  options: AkOptions & { readonly locality?: number; readonly secureBoot?: boolean } = {},
): Machine {
  const { locality = 0, secureBoot = true, ...akOptions } = options;
  const registers = new TpmRegisters(locality);
  const boot = { firmware: 'EMULATED firmware 1', secureBoot, loader: 'loader', commandLine: 'quiet', locality };
  const ak = emulatedAk({ keys: KEYS[akOptions.kind ?? 'p256'], ...akOptions });
  return { ak, registers, recorder: recordBoot(registers, boot) };
}

/** What bends evidence: the quote, or any part of the document. */
export interface Bent extends QuoteDefects {
  readonly request?: Partial<QuoteRequest>;
  readonly parts?: Partial<TpmDocument>;
}

/** The parts of a document by `machine`, with its SHA-256 log of the boot. */
export function partsOf({ ak, registers, recorder }: Machine, { request, parts, ...defects }: Bent = {}): TpmDocument {
  const minted = mintQuote(ak, registers, { extraData: NONCE, selection: SELECTION, ...request }, defects);
  return { ...minted, ak: ak.area, eventLog: encodeEventLog(recorder.events, ['sha1', 'sha256', 'sha384']), ...parts };
}

/** The anchor that pins a machine's key. */
export function pinOf({ ak }: Machine): Anchor {
  const sha256 = toHex(nodeCrypto.digest('sha256', ak.spki));
  return { kind: 'key', name: 'enrolled', platform: 'tpm-quote', sha256, emulated: false };
}

/** Verifies parts as evidence. */
export function verifyParts(
  parts: TpmDocument,
  anchors: readonly Anchor[],
  endorsements: readonly Endorsement[] = [],
  atMs = AT_MS,
): Promise<Verification> {
  return verifyDocument(encodeTpmDocument(parts), anchors, endorsements, atMs);
}

/** Verifies a document as evidence. */
export function verifyDocument(
  document: Uint8Array,
  anchors: readonly Anchor[],
  endorsements: readonly Endorsement[] = [],
  atMs = AT_MS,
): Promise<Verification> {
  return verifyEvidence({ platform: 'tpm-quote', document, endorsements }, { anchors, atMs, crypto: nodeCrypto });
}

/** Codes of a refusal, each once; empty when verified. */
export function codesOf(result: Verification): readonly string[] {
  return result.kind === 'verified' ? [] : [...new Set(result.reasons.map(({ code }) => code))];
}

/** `bytes` with the bits of `mask` flipped at `offset`. */
export function flipped(bytes: Uint8Array, offset: number, mask = 1): Uint8Array {
  return bytes.map((byte, index) => (index === offset ? byte ^ mask : byte));
}
