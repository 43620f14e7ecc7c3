import { sha256 } from '#host/envelope.ts';
import { toHex, utf8 } from '#shared/bytes/bytes.ts';
import { encodeEnvelope } from '#shared/dsse/dsse.ts';
import type { PayloadType } from '#shared/dsse/types.ts';

/** An envelope of the right form whose signature is 64 bytes of nothing. */
export function envelopeOf(type: PayloadType, payload: Uint8Array): Uint8Array {
  return encodeEnvelope(type, { payload, signature: new Uint8Array(64) }, '0'.repeat(64));
}

/** A release as an enclave would publish it. */
export interface MadeRelease {
  readonly manifestDigest: Uint8Array;
  readonly round: number;
  readonly payload: Uint8Array;
  readonly statement: Uint8Array;
  readonly release: Uint8Array;
}

/** A release of `payload`, for the study `manifestDigest`. */
export function makeRelease(manifestDigest: Uint8Array, round: number, payload: Uint8Array): MadeRelease {
  const statement = utf8(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: `release-${round}`, digest: { sha256: toHex(sha256(payload)) } }],
      predicateType: 'https://cloister.dev/release/v1',
      predicate: { study: 's', manifestDigest: toHex(manifestDigest), round, previous: '0'.repeat(64) },
    }),
  );
  return {
    manifestDigest,
    round,
    payload,
    statement: envelopeOf('application/vnd.in-toto+json', statement),
    release: sha256(statement),
  };
}

/** A signed manifest and its digest. */
export function makeStudy(name: string): { readonly envelope: Uint8Array; readonly manifestDigest: Uint8Array } {
  const payload = utf8(`name: ${name}\n`);
  return { envelope: envelopeOf('application/vnd.cloister.manifest+yaml', payload), manifestDigest: sha256(payload) };
}

/** A signed command; `nonce` tells two of them apart. */
export function makeCommand(command: string, nonce: string): Uint8Array {
  return envelopeOf('application/vnd.cloister.command+json', utf8(JSON.stringify({ command, nonce })));
}

/** `length` bytes that no two seeds share and that do not compress into a pattern of chunks. */
export function patternBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
