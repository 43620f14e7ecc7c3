import { sign } from 'node:crypto';
import { der, sequence, time } from '#infra/emulator/der.ts';
import { EMPTY, fromHex } from '#shared/bytes/bytes.ts';
import { ECDSA_SHA384, extension, type Keys, named } from './certificates.ts';

/** Everything that a revocation list says, each part as it is encoded. Each field can be bent. */
export interface CrlFields {
  readonly version: Uint8Array;
  readonly algorithm: Uint8Array;
  /** The algorithm outside the signed part. */
  readonly outerAlgorithm?: Uint8Array;
  readonly hash: string;
  readonly issuer: Uint8Array;
  readonly thisUpdate: Uint8Array;
  readonly nextUpdate: Uint8Array;
  /** The whole list of entries; empty bytes leave it out. */
  readonly revoked: Uint8Array;
  /** Empty leaves the element out. */
  readonly extensions: readonly Uint8Array[];
  /** Further parts behind the extensions of the signed part. */
  readonly extra: Uint8Array;
}

/** A list by `issuer`, current for a day around `atMs`, that revokes `serials` (hex of their content octets). */
export function plainCrl(issuer: string, atMs: number, serials: readonly string[] = []): CrlFields {
  return {
    version: der(0x02, Uint8Array.of(1)),
    algorithm: ECDSA_SHA384,
    hash: 'sha384',
    issuer: named(issuer),
    thisUpdate: time(atMs - 43_200_000),
    nextUpdate: time(atMs + 43_200_000),
    revoked: serials.length === 0 ? EMPTY : sequence(...serials.map((serial) => revokedEntry(serial, atMs))),
    extensions: [extension('2.5.29.20', false, der(0x02, Uint8Array.of(7)))],
    extra: EMPTY,
  };
}

/** One entry of a list, with its own extensions. */
export function revokedEntry(serial: string, atMs: number, extensions: readonly Uint8Array[] = []): Uint8Array {
  const own = extensions.length === 0 ? EMPTY : sequence(...extensions);
  return sequence(der(0x02, fromHex(serial) ?? EMPTY), time(atMs), own);
}

/** DER of a list with `fields`, signed by `keys`. */
export function mintCrl(fields: CrlFields, keys: Keys): Uint8Array {
  const { version, algorithm, issuer, thisUpdate, nextUpdate, revoked, extensions, extra } = fields;
  const listed = extensions.length === 0 ? EMPTY : der(0xa0, sequence(...extensions));
  const tbs = sequence(version, algorithm, issuer, thisUpdate, nextUpdate, revoked, listed, extra);
  const signature = sign(fields.hash, tbs, keys.privateKey);
  return sequence(tbs, fields.outerAlgorithm ?? algorithm, der(0x03, Uint8Array.of(0), signature));
}
