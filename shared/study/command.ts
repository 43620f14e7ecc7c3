import { type Static, Type } from '@sinclair/typebox';
import { equalBytes, fromHex, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { decodeEnvelope, encodeEnvelope, keyIdOf, signPayload, verifyEnvelope } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { accepted, refused, type Verdict } from '#shared/fault/verdict.ts';
import type { Study } from './study.ts';

/** Bounds of a command; `clockSkewMs` is how far ahead of ours the coordinator's clock may run. */
export const COMMAND_LIMITS = {
  envelopeBytesMax: 16 * 1024,
  payloadBytesMax: 4 * 1024,
  validityMsMax: 3600 * 1000,
  clockSkewMs: 300 * 1000,
} as const;

const hexOf = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${2 * bytes}}$` });
const time = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** What a command can order. */
export const COMMAND_NAMES = ['start', 'pause', 'resume', 'stop'] as const;
/** One of {@link COMMAND_NAMES}. */
export type CommandName = (typeof COMMAND_NAMES)[number];

/** Payload of a command, docs/protocol.md section 8. */
const CommandSchema = Type.Object(
  {
    manifestDigest: hexOf(32),
    instance: hexOf(32),
    command: Type.Union(COMMAND_NAMES.map((name) => Type.Literal(name))),
    nonce: hexOf(16),
    issuedAtMs: time,
    expiresAtMs: time,
  },
  { additionalProperties: false },
);

/** A coordinator's order to one running enclave. `instance` is the SHA-256 of its signing key, `nonce` 16 random bytes. */
export interface StudyCommand {
  readonly manifestDigest: Uint8Array;
  readonly instance: Uint8Array;
  readonly command: CommandName;
  readonly nonce: Uint8Array;
  /** Milliseconds since 1970, as are all times here. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** The DSSE envelope of a command, signed with the coordinator's Ed25519 seed. */
export function sealCommand(command: StudyCommand, secretKey: Uint8Array, crypto: CryptoPort): Uint8Array {
  const content: Static<typeof CommandSchema> = {
    manifestDigest: toHex(command.manifestDigest),
    instance: toHex(command.instance),
    command: command.command,
    nonce: toHex(command.nonce),
    issuedAtMs: command.issuedAtMs,
    expiresAtMs: command.expiresAtMs,
  };
  const signed = signPayload(PAYLOAD_TYPES.command, utf8(JSON.stringify(content)), secretKey, crypto);
  return encodeEnvelope(PAYLOAD_TYPES.command, signed, keyIdOf(crypto.ed25519PublicKey(secretKey), crypto));
}

/**
 * Judges the envelope of a command for `study` at `atMs`: form, the coordinator's signature, study, validity.
 * Whether it is for this instance and was not seen before is for the enclave's state to say.
 */
export function openCommand(
  envelopeBytes: Uint8Array,
  study: Pick<Study, 'digest' | 'coordinator'>,
  atMs: number,
  crypto: CryptoPort,
): Verdict<StudyCommand> {
  const envelope = decodeEnvelope(PAYLOAD_TYPES.command, envelopeBytes, COMMAND_LIMITS.envelopeBytesMax);
  if (envelope === undefined) return refused('COMMAND_MALFORMED', 'expected a DSSE envelope of a command');
  if (!verifyEnvelope(PAYLOAD_TYPES.command, envelope, study.coordinator.key, crypto)) {
    return refused('COMMAND_SIGNATURE_INVALID', 'expected a signature by the coordinator key of the manifest');
  }
  const command = decodeCommand(envelope.signed.payload);
  if (command === undefined) return refused('COMMAND_MALFORMED', 'the signed payload is not a command');
  if (!equalBytes(command.manifestDigest, study.digest)) {
    return refused('COMMAND_FOREIGN', 'the command is for another manifest');
  }
  const expiry = expiryProblem(command, atMs);
  return expiry === undefined ? accepted(command) : refused('COMMAND_EXPIRED', expiry);
}

function expiryProblem({ issuedAtMs, expiresAtMs }: StudyCommand, atMs: number): string | undefined {
  const validityMs = expiresAtMs - issuedAtMs;
  if (validityMs <= 0 || validityMs > COMMAND_LIMITS.validityMsMax) {
    return `valid for ${validityMs} ms, expected 1 to ${COMMAND_LIMITS.validityMsMax}`;
  }
  if (issuedAtMs > atMs + COMMAND_LIMITS.clockSkewMs) return 'issued in the future; compare the clocks';
  return atMs > expiresAtMs ? `expired ${atMs - expiresAtMs} ms ago; issue it anew` : undefined;
}

/** A command from its signed payload, or `undefined` when it is not one. */
function decodeCommand(payload: Uint8Array): StudyCommand | undefined {
  const content = decodeJson(CommandSchema, payload, COMMAND_LIMITS.payloadBytesMax);
  if (content === undefined) return undefined;
  const manifestDigest = fromHex(content.manifestDigest);
  const instance = fromHex(content.instance);
  const nonce = fromHex(content.nonce);
  if (manifestDigest === undefined || instance === undefined || nonce === undefined) return undefined;
  const { command, issuedAtMs, expiresAtMs } = content;
  return { manifestDigest, instance, command, nonce, issuedAtMs, expiresAtMs };
}
