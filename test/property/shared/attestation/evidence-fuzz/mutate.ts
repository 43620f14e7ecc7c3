import type { Endorsement, Evidence } from '#shared/attestation/evidence.ts';
import { ENDORSEMENT_KINDS } from '#shared/attestation/evidence.ts';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import type { Draws } from './random.ts';

/** Evidence stays within what a verifier is promised: under 64 KiB. */
const DOCUMENT_BYTES_MAX = 64 * 1024 - 1;
const CHANGES_MAX = 3;

/** Bytes and lengths at which parsers go wrong. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x1f, 0x5f, 0x9f, 0xbf, 0x30, 0x31, 0x82, 0x84, 0x22, 0x7b, 0x7d, 0x2e] as const;
const LENGTHS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;
const TOKENS = [
  '{}',
  '[]',
  'null',
  '"',
  '\\u0000',
  '1e999',
  '-1',
  '"alg":"none"',
  '-----BEGIN CERTIFICATE-----',
  '-----END CERTIFICATE-----\n',
  '..',
  '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[',
].map(utf8);

/** Damages evidence in one to three places: its document, or what came with it. Never gives back what it was given. */
export function mutated(evidence: Evidence, others: readonly Evidence[], draws: Draws): Evidence {
  let changed = evidence;
  for (let left = 1 + draws.below(CHANGES_MAX); left > 0 || isSame(changed, evidence); left--) {
    changed = draws.below(3) === 0 ? withEndorsements(changed, others, draws) : withDocument(changed, others, draws);
  }
  return changed;
}

function withDocument(evidence: Evidence, others: readonly Evidence[], draws: Draws): Evidence {
  const donor = draws.pick(others).document;
  return { ...evidence, document: damaged(evidence.document, donor, draws).slice(0, DOCUMENT_BYTES_MAX) };
}

function withEndorsements(evidence: Evidence, others: readonly Evidence[], draws: Draws): Evidence {
  const { endorsements } = evidence;
  const donors = draws.pick(others).endorsements;
  const at = draws.below(endorsements.length);
  const chosen = endorsements[at];
  if (chosen === undefined) return withDocument(evidence, others, draws);
  const swap = (by: readonly Endorsement[]): Evidence => ({
    ...evidence,
    endorsements: [...endorsements.slice(0, at), ...by, ...endorsements.slice(at + 1)],
  });
  switch (draws.below(6)) {
    case 0:
      return swap([]);
    case 1:
      return swap([chosen, chosen]);
    case 2:
      return swap([{ ...chosen, kind: draws.pick(ENDORSEMENT_KINDS) }]);
    case 3:
      return donors.length === 0 ? swap([]) : swap([draws.pick(donors)]);
    default:
      return swap([{ ...chosen, bytes: damaged(chosen.bytes, chosen.bytes, draws) }]);
  }
}

/** One change to `bytes`; some of it may come from `donor`. */
function damaged(bytes: Uint8Array, donor: Uint8Array, draws: Draws): Uint8Array {
  const at = draws.below(Math.max(1, bytes.length));
  const length = 1 + draws.below(draws.pick([1, 4, 64, 2048]));
  switch (draws.below(10)) {
    case 0:
    case 1:
      return spliced(bytes, at, 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << draws.below(8))));
    case 2:
      return spliced(bytes, at, 1, Uint8Array.of(draws.pick(EDGES)));
    case 3:
      return spliced(bytes, at, draws.pick([2, 4]), lengthBytes(draws));
    case 4:
      return spliced(bytes, at, length, new Uint8Array(0));
    case 5:
      return spliced(bytes, at, 0, bytes.subarray(at, at + length));
    case 6:
      return bytes.slice(0, at);
    case 7:
      return spliced(bytes, at, length, donor.subarray(at, at + length));
    case 8:
      return spliced(bytes, at, draws.below(2) * length, draws.pick(TOKENS));
    default:
      return concat(bytes, Uint8Array.of(draws.pick(EDGES)));
  }
}

function lengthBytes(draws: Draws): Uint8Array {
  const bytes = new Uint8Array(draws.pick([2, 4]));
  const view = new DataView(bytes.buffer);
  const value = draws.pick(LENGTHS);
  const little = draws.below(2) === 0;
  if (bytes.length === 2) view.setUint16(0, value & 0xffff, little);
  else view.setUint32(0, value, little);
  return bytes;
}

function spliced(bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  return concat(bytes.subarray(0, at), inserted, bytes.subarray(at + removed));
}

function isSame(one: Evidence, other: Evidence): boolean {
  return (
    Buffer.compare(one.document, other.document) === 0 &&
    one.endorsements.length === other.endorsements.length &&
    one.endorsements.every(
      ({ kind, bytes }, index) =>
        kind === other.endorsements[index]?.kind && Buffer.compare(bytes, other.endorsements[index].bytes) === 0,
    )
  );
}
